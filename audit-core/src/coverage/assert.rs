//! The test that coverage is complete.

/// Fails when an action of a catalog is emitted nowhere, or when a function of a list is not audited.
///
/// After the catalog come, each optional and in this order:
///
/// * `not_emitted = ["secret.rotated" => "the vault records it itself"]`: actions that are emitted elsewhere, or by
///   [`Auditor::record`](crate::Auditor::record), each with the reason. `"secret.*"` is every action that begins so.
/// * `functions = [handlers::create, Orders::<Db>::place]`: functions that must be audited, all handlers of a
///   router, say.
/// * `not_audited = [handlers::health => "changes nothing"]`: those of them that need not be, each with the reason.
///
/// An entry that allows nothing any more fails too. What counts is linked into the test: an integration test names
/// the crate that it is about (`use my_service as _;`), and sees no `#[audited]` under `#[cfg(test)]` there.
///
/// # Panics
///
/// With a list of what is missing, and where to write what.
///
/// # Examples
///
/// ```standalone_crate
/// mod handlers {
///     use audit_core::audited;
///
///     #[audited(action = "project.created")]
///     pub async fn create(project_id: String) {}
///
///     pub async fn health() {}
/// }
///
/// audit_core::assert_coverage!(
///     audit_core::AuditAction,
///     not_emitted = [
///         "project.updated" => "projects never change",
///         "project.deleted" => "recorded by hand in the job that empties the bin",
///         "project.suspended" => "the billing service emits it",
///         "project.auto_suspended" => "the billing service emits it",
///         "key.*" => "there are no keys",
///         "user.*" => "the directory keeps a log of its own",
///         "secret.*" => "the vault keeps a log of its own",
///     ],
///     functions = [handlers::create, handlers::health],
///     not_audited = [handlers::health => "changes nothing"],
/// );
/// ```
#[macro_export]
macro_rules! assert_coverage {
    (
        $catalog:ty
        $(, not_emitted = [$($action:expr => $absent:expr),* $(,)?])?
        $(, functions = [$($function:expr),* $(,)?])?
        $(, not_audited = [$($exempt:expr => $reason:expr),* $(,)?])?
        $(,)?
    ) => {
        $crate::coverage::Coverage::of::<$catalog>()
            $($(.not_emitted($action, $absent))*)?
            $(.functions([$($crate::coverage::path_of(&$function)),*]))?
            $($(.not_audited($crate::coverage::path_of(&$exempt), $reason))*)?
            .assert()
    };
}
