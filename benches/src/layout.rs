//! Many routes for Tollgate, and requests for all of them at random.
//!
//! Every route rewrites its path to that of the origin's answer, so that layouts of any size do the same work but for the
//! lookup.

use crate::testbed::PATH;
use std::fmt::Write as _;

/// So many hosts with so many paths each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Hosts x paths, in tables and as a folder.
    pub(crate) name: &'static str,
    pub(crate) hosts: u32,
    pub(crate) paths: u32,
}

impl Layout {
    pub(crate) const FEW: Self = Self { name: "100-routes", hosts: 1, paths: 100 };
    pub(crate) const ONE_HOST: Self = Self { name: "1x100000", hosts: 1, paths: 100_000 };
    pub(crate) const MANY_HOSTS: Self = Self { name: "10000x10", hosts: 10_000, paths: 10 };

    pub(crate) const fn routes(self) -> u32 {
        self.hosts * self.paths
    }

    /// The item of a route, as JSON; `variant` tells two versions of it apart.
    pub(crate) fn route(self, number: u32, variant: u32) -> String {
        let (host, path) = (number / self.paths, number % self.paths);
        format!(
            "{{\"name\":\"r{number}\",\"match\":{{\"hosts\":[\"h{host}.test\"],\"path\":\"/p{path}\"}},\"upstream\":\"origin\",\
             \"rewrite\":{{\"path\":\"{PATH}\"}},\"timeouts\":{{\"first_byte\":\"{}s\"}}}}",
            10 + variant
        )
    }

    /// The value of `routes`.
    pub(crate) fn items(self) -> String {
        let mut text = String::from("[");
        for number in 0..self.routes() {
            let comma = if number == 0 { "" } else { "," };
            let _ = write!(text, "{comma}\n{}", self.route(number, 0));
        }
        text + "]"
    }

    /// Host and path of a route.
    pub(crate) fn target(self, number: u32) -> (String, String) {
        (format!("h{}.test", number / self.paths), format!("/p{}", number % self.paths))
    }

    /// A script for wrk that asks for routes at random.
    pub(crate) fn script(self) -> String {
        let Self { hosts, paths, .. } = self;
        format!(
            "math.randomseed(1)
request = function()
  return \"GET /p\" .. math.random(0, {paths} - 1) .. \" HTTP/1.1\\r\\nHost: h\" .. math.random(0, {hosts} - 1) .. \".test\\r\\n\\r\\n\"
end
"
        )
    }
}
