//! The templates: those that are built in, and those of a folder in their place.
//!
//! A folder may have any of them, under the same name. It is read when the console starts: a file that is no template, or that
//! has a mistake, is told then, and not to whoever opens the page. Everything is escaped unless a template says otherwise; what
//! is not there may be asked for with `if`, and is an error where it would be shown.

use crate::{ConsoleError, limits::TEMPLATE_BYTES_MAX, markdown};
use jiff::Timestamp;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, value::Serde};
use std::{fs, path::Path};

macro_rules! templates {
    ($($name:literal,)*) => {
        const BUILT_IN: &[(&str, &str)] = &[$(($name, include_str!(concat!("../templates/", $name))),)*];
    };
}

templates! {
    "account.html",
    "api.html",
    "application.html",
    "applications.html",
    "approvals.html",
    "catalog.html",
    "error.html",
    "layout.html",
    "macros.html",
    "publication.html",
    "publications.html",
    "setup.html",
    "sign-in.html",
    "try.html",
}

/// The templates, ready to be rendered.
pub(crate) struct Templates(Environment<'static>);

impl Templates {
    /// Those that are built in, with those of `folder` in their place.
    pub(crate) fn read(folder: Option<&Path>) -> Result<Self, ConsoleError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.add_filter("markdown", |text: &str| Value::from_safe_string(markdown::html(text)));
        environment.add_filter("time", |seconds: i64| time(seconds));
        for (name, text) in BUILT_IN {
            environment.add_template(name, text).map_err(|error| ConsoleError::template(name, &error))?;
        }
        if let Some(folder) = folder {
            lay_over(&mut environment, folder)?;
        }
        Ok(Self(environment))
    }

    /// A page. A template that cannot be rendered says why in the log.
    pub(crate) fn render(&self, name: &str, values: &serde_json::Value) -> Result<String, String> {
        let template = self.0.get_template(name).map_err(|error| format!("{error:#}"))?;
        template.render(Serde(values)).map_err(|error| format!("{name}: {error:#}"))
    }
}

fn lay_over(environment: &mut Environment<'static>, folder: &Path) -> Result<(), ConsoleError> {
    let failed = |cause| ConsoleError::Folder { path: folder.to_owned(), cause };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".html") {
            continue;
        }
        let Some((known, _)) = BUILT_IN.iter().find(|(known, _)| *known == name) else {
            let names: Vec<_> = BUILT_IN.iter().map(|(known, _)| *known).collect();
            return Err(ConsoleError::Unknown { path, names: names.join(", ") });
        };
        let size = entry.metadata().map_err(failed)?.len();
        if size > TEMPLATE_BYTES_MAX {
            let cause = std::io::Error::other(format!("{name} is longer than {TEMPLATE_BYTES_MAX} bytes"));
            return Err(failed(cause));
        }
        let text = fs::read_to_string(&path).map_err(failed)?;
        let added = environment.add_template_owned(*known, text);
        added.map_err(|error| ConsoleError::template(&path.display().to_string(), &error))?;
    }
    Ok(())
}

/// Unix seconds as people read them.
pub(crate) fn time(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map_or_else(|_| seconds.to_string(), |time| time.strftime("%F %H:%M UTC").to_string())
}
