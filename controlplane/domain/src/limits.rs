//! The bounds of what a tenant may write, each with its name. They keep records small; none of them is a commercial limit.

/// Characters of a name: it becomes a label of a host and a segment of a path.
pub const NAME_CHARS_MAX: usize = 63;
/// Characters of a version.
pub const VERSION_CHARS_MAX: usize = 32;
/// Characters of a title, a note or a reason.
pub const TITLE_CHARS_MAX: usize = 256;
/// Characters of a description (Markdown).
pub const DESCRIPTION_CHARS_MAX: usize = 16_384;
/// Characters of a base path or of an operation's path.
pub const PATH_CHARS_MAX: usize = 1024;
/// Operations of an API.
pub const OPERATIONS_MAX: usize = 5_000;
/// Hosts of an API or of an environment.
pub const HOSTS_MAX: usize = 64;
/// Endpoints of an upstream.
pub const ENDPOINTS_MAX: usize = 1024;
/// Tags or labels of one record.
pub const TAGS_MAX: usize = 64;
/// Scopes of an operation: what the contract takes.
pub const SCOPES_MAX: usize = 32;
/// Characters of a scope, all of them ASCII: what the contract takes.
pub const SCOPE_CHARS_MAX: usize = 128;
/// Variables of an environment.
pub const VARIABLES_MAX: usize = 1024;
/// Characters of a variable's value.
pub const VARIABLE_CHARS_MAX: usize = 4096;
/// APIs of a product.
pub const PRODUCT_APIS_MAX: usize = 1024;
/// Rules of one list of a plan: what the contract takes.
pub const PLAN_RULES_MAX: usize = 8;
/// Credentials of an application that are neither revoked nor expired: what the contract takes.
pub const CREDENTIALS_MAX: usize = 64;
/// Tokens of a client that were revoked and have not expired: what the contract takes.
pub const REVOKED_TOKENS_MAX: usize = 1000;
/// Owners of an application, members of a restricted visibility.
pub const MEMBERS_MAX: usize = 1024;
