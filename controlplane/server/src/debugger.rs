//! Test requests of the admin API, through the gateway of this process once there is one.

use std::{
    fmt,
    sync::{Arc, OnceLock, Weak},
};
use tollgate_api::{Debugger, NotDebugged, TestRequest};
use tollgate_gateway::{DebugError, DebugRequest, Gateway};

/// The gateway that test requests go through.
#[derive(Default)]
pub(crate) struct Local(OnceLock<Weak<Gateway>>);

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").finish_non_exhaustive()
    }
}

impl Local {
    /// Uses this gateway from now on.
    pub(crate) fn set(&self, gateway: &Arc<Gateway>) {
        // A process has one gateway.
        let _ = self.0.set(Arc::downgrade(gateway));
    }

    pub(crate) fn gateway(&self) -> Option<Arc<Gateway>> {
        self.0.get().and_then(Weak::upgrade)
    }
}

impl Debugger for Local {
    fn debug(&self, request: TestRequest) -> Result<serde_json::Value, NotDebugged> {
        let gateway = self.gateway().ok_or(NotDebugged::NoGateway)?;
        let TestRequest { method, path, headers, body, client, scope } = request;
        let request =
            DebugRequest { listener: None, method, target: path, headers, body: body.into_bytes(), client, scope };
        let debugged = gateway.debug(&request).map_err(|error| match error {
            DebugError::Invalid(what) => NotDebugged::Invalid(what),
            DebugError::Busy => NotDebugged::Busy(error.to_string()),
            DebugError::NoListener | DebugError::Failed(_) => NotDebugged::Failed(error.to_string()),
        })?;
        Ok(debugged.to_json())
    }
}
