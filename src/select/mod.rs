//! Which entries are wanted.
/// TMP
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pass {
    /// Main.
    Main,
    /// ACLs.
    Acl,
    /// After.
    PostAcl,
}
