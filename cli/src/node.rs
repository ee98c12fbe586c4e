//! A gateway as a node of a control plane elsewhere: where that is, the token for it, and where what it sends is kept.
//!
//! The token is in the environment or in a file, never among the arguments, which everybody on the machine may see. What
//! happens then is `tollgate_sync`'s.

use crate::terminal;
use clap::Args;
use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};
use tollgate_gateway::{Gateway, Startup};
use tollgate_server::{Elsewhere, Served};
use tollgate_sync::{Access, Keeper};

/// The environment variable that may have the token.
const TOKEN: &str = "TOLLGATE_NODE_TOKEN";
/// What the control plane sends is kept here in the data directory.
const KEPT: &str = "published";
/// Of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where the control plane is.
#[derive(Args)]
#[group(skip)]
pub(crate) struct Arguments {
    /// Also serve what the control plane at URL has published; the token is read from the variable TOLLGATE_NODE_TOKEN
    #[arg(long, value_name = "URL", requires = "data")]
    control_plane: Option<String>,
    /// Keep what the control plane has published in DIR, to start from when it is away
    #[arg(long, value_name = "DIR", requires = "control_plane")]
    data: Option<PathBuf>,
    /// Read the token of the node from FILE
    #[arg(long, value_name = "FILE", requires = "control_plane")]
    node_token_file: Option<PathBuf>,
    /// Trust the authorities in FILE (PEM) for the control plane, and no others
    #[arg(long, value_name = "FILE", requires = "control_plane")]
    control_ca: Option<PathBuf>,
}

/// A node before it starts.
pub(crate) struct Node {
    access: Access,
    keeper: Arc<Keeper>,
}

impl Node {
    /// Reads what there is; asks the control plane once if that is nothing. `None`: there is to be no control plane.
    pub(crate) fn prepare(arguments: &Arguments) -> Result<Option<Self>, String> {
        let Arguments { control_plane: Some(url), data: Some(data), node_token_file, control_ca } = arguments else {
            return Ok(None);
        };
        let authorities = control_ca.as_deref().map(fs::canonicalize).transpose();
        let named = |path: &Path, error| format!("{}: {error}", path.display());
        let authorities = authorities.map_err(|error| named(control_ca.as_deref().unwrap_or(data), error))?;
        let pem = authorities.as_deref().map(|file| fs::read(file).map_err(|error| named(file, error))).transpose()?;
        let access = Access::new(url, token(node_token_file.as_deref())?, pem)?;
        if access.is_open() {
            terminal::note("WARNING: the node's token is sent to the control plane without TLS");
        }
        let kept = data.join(KEPT);
        let own = access.token_endpoint(authorities.as_deref());
        let open = fs::create_dir_all(data).and_then(|()| Keeper::open(kept.clone(), own));
        let keeper = Arc::new(open.map_err(|error| named(&kept, error))?);
        if keeper.position().is_none()
            && let Err(error) = tollgate_sync::fetch(access.clone(), &keeper, VERSION)
        {
            terminal::note(format_args!("nothing is published here yet: {error}"));
        }
        Ok(Some(Self { access, keeper }))
    }

    /// `startup` with what was published over it, and shares of limits from the control plane.
    pub(crate) fn laid_over(&self, startup: Startup) -> Startup {
        let keeper = self.keeper.clone();
        let startup = startup.sharing(Elsewhere::new(self.access.clone()));
        startup.laid_over(Arc::new(move |base| keeper.overlay(base))).unwrap_or_else(|refused| {
            let (startup, error) = *refused;
            terminal::note(format_args!(
                "error: what was published does not run with the file, and is not served:\n{error}"
            ));
            self.keeper.disown();
            startup
        })
    }

    /// Follows the control plane beside the gateway, for as long as that runs.
    pub(crate) fn follow(&self, gateway: &Arc<Gateway>) {
        let target = Served::new(gateway.clone());
        let node = tollgate_sync::Node::new(self.access.clone(), self.keeper.clone(), target, VERSION);
        if let Err(error) = thread::Builder::new().name("tollgate-sync".to_owned()).spawn(move || node.run()) {
            terminal::note(format_args!("error: the control plane is not followed: {error}"));
        }
    }
}

fn token(file: Option<&Path>) -> Result<String, String> {
    let text = match (file, env::var(TOKEN)) {
        (Some(file), _) => fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?,
        (None, Ok(text)) => text,
        (None, Err(_)) => {
            return Err(format!(
                "there is no token for the control plane: run `tollgate nodes add NAME` there, and set {TOKEN} or \
                 --node-token-file to what it prints"
            ));
        }
    };
    Ok(text.trim().to_owned())
}
