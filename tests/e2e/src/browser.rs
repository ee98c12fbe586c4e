//! A Chromium without a window, driven over the DevTools protocol through a pipe: no port, no driver besides it.
//!
//! It finds what it acts on as people do, by labels and by what stands on buttons and links, so that a field without a label
//! cannot be filled in. Each page is looked at for what its policy refused. Ended by its process id.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// Longest wait for anything.
const WAIT: Duration = Duration::from_secs(60);
/// What it may be called.
const NAMES: [&str; 2] = ["chromium", "chromium-browser"];

/// A Chromium with one page; killed when dropped.
#[derive(Debug)]
pub struct Chromium {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    /// Of the page.
    session: String,
    number: u64,
    /// What was refused or went wrong on the pages so far.
    complaints: Vec<String>,
    _folder: TempDir,
}

impl Chromium {
    /// Starts one. `None` where there is none, which Debian's package `chromium` brings: that is told, and `.ci/run` goes nowhere
    /// without it.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        let is_there = |name: &&&str| Command::new(name).arg("--version").stdout(Stdio::null()).status().is_ok();
        let Some(name) = NAMES.iter().find(is_there) else {
            eprintln!("not tested: chromium is not installed");
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let profile = format!("--user-data-dir={}", folder.path().display());
        // It reads commands from descriptor 3 and answers on 4: a shell puts the pipes there.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null", name])
            .args(["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run"])
            .args(["--disable-dev-shm-usage", "--disable-background-networking", "--hide-scrollbars", &profile])
            .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        let input = child.stdin.take().expect("it was asked for");
        let mut output = BufReader::new(child.stdout.take().expect("it was asked for"));
        let (tell, messages) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            while output.read_until(0, &mut bytes).is_ok_and(|count| count > 0) {
                bytes.pop();
                let message = serde_json::from_slice(&bytes).unwrap_or_default();
                if tell.send(message).is_err() {
                    break;
                }
                bytes.clear();
            }
        });
        let (session, complaints) = (String::new(), Vec::new());
        let mut browser = Self { child, input, messages, session, number: 0, complaints, _folder: folder };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", &json!({ "targetId": target, "flatten": true }));
        browser.session = attached["sessionId"].as_str().expect("it is attached").to_owned();
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.call(domain, &json!({}));
        }
        Some(browser)
    }

    /// Sends a command; gives its result.
    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.number += 1;
        let mut command = json!({ "id": self.number, "method": method, "params": parameters });
        if !self.session.is_empty() {
            command["sessionId"] = json!(self.session);
        }
        self.input.write_all(format!("{command}\0").as_bytes()).expect("it runs");
        loop {
            let message = self.message();
            if message["id"] == self.number {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
        }
    }

    fn message(&mut self) -> Value {
        let message = self.messages.recv_timeout(WAIT).expect("the browser answers");
        let text = message["params"].to_string();
        match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => self.complaints.push(text),
            // What a policy refused is here, and so is each answer with an error, which may be meant.
            Some("Log.entryAdded") if text.contains("\"source\":\"security\"") => self.complaints.push(text),
            _ => {}
        }
        message
    }

    /// Does what leads to another page, and waits for that.
    fn leading(&mut self, act: impl FnOnce(&mut Self)) {
        act(self);
        while self.message()["method"] != "Page.loadEventFired" {}
    }

    /// Opens a page.
    ///
    /// # Panics
    /// If it does not load, as everywhere below.
    pub fn open(&mut self, url: &str) {
        self.leading(|browser| {
            // The event may come before the answer of the command: it is not waited for.
            browser.number += 1;
            let command = json!({ "id": browser.number, "method": "Page.navigate", "params": { "url": url },
                "sessionId": browser.session });
            browser.input.write_all(format!("{command}\0").as_bytes()).expect("it runs");
        });
    }

    /// The value of an expression.
    ///
    /// # Panics
    /// If it throws.
    pub fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let result = self.call("Runtime.evaluate", &parameters);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {}", result["exceptionDetails"]);
        result["result"]["value"].clone()
    }

    /// What stands on the page.
    pub fn text(&mut self) -> String {
        self.value("document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Writes into the field with this label, or chooses the option with this text.
    ///
    /// # Panics
    /// If there is no such field.
    pub fn fill(&mut self, label: &str, text: &str) {
        let (label, text) = (json!(label), json!(text));
        self.value(&format!(
            "(() => {{ const field = [...document.querySelectorAll('label')]
                .filter(one => one.textContent.trim().startsWith({label})).map(one => one.control).find(one => one);
            if (!field) throw new Error('no field ' + {label});
            if (field.tagName === 'SELECT') {{
                const option = [...field.options].find(one => one.textContent.includes({text}));
                if (!option) throw new Error('no option ' + {text});
                field.value = option.value;
            }} else {{ field.value = {text}; }}
            field.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()"
        ));
    }

    fn press(&mut self, name: &str) {
        let name = json!(name);
        // Later, so that the command is answered before the page goes.
        self.value(&format!(
            "(() => {{ const all = [...document.querySelectorAll('button, a, summary')];
            const found = all.find(one => one.textContent.trim().replace(/\\s+/g, ' ').startsWith({name}));
            if (!found) throw new Error('nothing to press ' + {name});
            setTimeout(() => found.click()); }})()"
        ));
    }

    /// Presses the button or link with this text, which leads to another page.
    ///
    /// # Panics
    /// If there is none.
    pub fn follow(&mut self, name: &str) {
        self.leading(|browser| browser.press(name));
    }

    /// Presses what changes this page, and waits until `expression` holds.
    ///
    /// # Panics
    /// If it never does.
    pub fn press_until(&mut self, name: &str, expression: &str) {
        self.press(name);
        self.until(expression);
    }

    /// Waits until `expression` holds on the page.
    ///
    /// # Panics
    /// If it never does.
    pub fn until(&mut self, expression: &str) {
        // While a page goes there is no body.
        let there = format!("!!document.body && ({expression})");
        crate::wait::until(expression, || (self.value(&there) == true).then_some(()));
    }

    /// Types into what has the focus.
    pub fn type_in(&mut self, text: &str) {
        self.call("Input.insertText", &json!({ "text": text }));
    }

    /// Presses a key: `Tab`, `Enter`.
    pub fn key(&mut self, key: &str) {
        let (code, text) = if key == "Enter" { (13, "\r") } else { (9, "") };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", &event);
        }
    }

    /// Presses a key that leads to another page.
    pub fn key_to(&mut self, key: &str) {
        self.leading(|browser| browser.key(key));
    }

    /// Makes the page so wide, in light or dark.
    pub fn show_as(&mut self, width: u32, scheme: &str) {
        let size = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", &features);
    }

    /// Writes a picture of the whole page.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn picture(&mut self, path: &Path) {
        let taken = self.call("Page.captureScreenshot", &json!({ "format": "png", "captureBeyondViewport": true }));
        let bytes = BASE64_STANDARD.decode(taken["data"].as_str().unwrap_or_default()).expect("it is base64");
        fs::write(path, bytes).expect("the folder is there");
    }

    /// What was refused by a policy or went wrong so far.
    #[must_use]
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
