//! Which requests are recorded as which actions, for services whose functions are not annotated yet.

use std::sync::Arc;

use crate::catalog::ActionInfo;
use crate::{ActionName, ActionNameError, Catalog, Durability, catalog};

/// A table of routes: one entry for each request that fits a line of it. `ContextLayer::record` and `ContextMiddleware::record` take it.
///
/// A line has a method (or `*`), a path, an action and, where the action has a target, the name of the parameter that is its id. `{name}` in
/// a path is one segment that is not empty, `{*name}` at its end is all the rest. The first line that fits counts; `GET` is `HEAD`, too.
/// Empty lines are left out, and what follows a `#`.
///
/// # Examples
///
/// ```
/// use audit_core::{AuditAction, http::Routes};
///
/// let routes = Routes::of::<AuditAction>(
///     "
///     POST   /projects                       project.created
///     PATCH  /projects/{project}             project.updated   project
///     DELETE /projects/{project}             project.deleted   project
///     GET    /projects/{project}/secrets/{*name}  secret.accessed  name
///     ",
/// )?;
///
/// let error = Routes::of::<AuditAction>("DELETE /projects/{project} project.delted project").unwrap_err();
/// assert_eq!(error.to_string(), "line 1 of the routes: unknown audit action `project.delted`; did you mean `project.deleted`?");
/// # drop(routes);
/// # Ok::<(), audit_core::http::RoutesError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Routes(Arc<[Route]>);

#[derive(Debug)]
struct Route {
    /// None is any.
    method: Option<String>,
    path: Vec<Segment>,
    action: &'static ActionInfo,
    /// Which of the path's segments is the id of the target.
    target: Option<usize>,
}

#[derive(Debug)]
enum Segment {
    Text(String),
    One(String),
    Rest(String),
}

/// What a request does.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) action: &'static ActionInfo,
    pub(super) target_id: Option<String>,
}

/// A text that is no table of routes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the routes: {reason}")]
pub struct RoutesError {
    /// Counted from 1.
    line: usize,
    #[source]
    reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Reason {
    #[error("write METHOD /path action, and the parameter that is the target's id, if there is one")]
    Shape,
    #[error("the path has to begin with `/`")]
    Path,
    #[error("`{{*…}}` has to be the last segment")]
    RestWithin,
    #[error("the path has no parameter `{{{0}}}`")]
    NoParameter(String),
    #[error(transparent)]
    Action(#[from] ActionNameError),
    #[error("`{action}` needs the metadata `{field}`, which no route knows: annotate the function")]
    Metadata { action: &'static str, field: &'static str },
    #[error("`{0}` is to be durable when its function returns, which no route can promise: annotate the function")]
    Durable(&'static str),
}

impl Routes {
    /// Reads a table whose actions are those of a catalog.
    ///
    /// # Errors
    ///
    /// When a line is none of a table, its action is not in the catalog, or is one that no route can record: its metadata must not be left
    /// out, or its [`Durability`] is more than queued.
    pub fn of<C: Catalog>(table: &str) -> Result<Self, RoutesError> {
        let lines =
            table.lines().zip(1..).map(|(text, line)| (text.split('#').next().unwrap_or_default().trim(), line));
        let routes = lines
            .filter(|(text, _)| !text.is_empty())
            .map(|(text, line)| Route::read::<C>(text).map_err(|reason| RoutesError { line, reason }));
        routes.collect::<Result<Arc<_>, _>>().map(Self)
    }

    /// What the first route says that fits.
    pub(super) fn find(&self, method: &str, path: &str) -> Option<Recorded> {
        self.0.iter().find_map(|route| route.fits(method, path))
    }
}

impl Route {
    fn read<C: Catalog>(text: &str) -> Result<Self, Reason> {
        let mut words = text.split_whitespace();
        let (Some(method), Some(path), Some(action)) = (words.next(), words.next(), words.next()) else {
            return Err(Reason::Shape);
        };
        let (target, None) = (words.next(), words.next()) else { return Err(Reason::Shape) };
        let path = read_path(path)?;
        let target = target.map(|name| position(&path, name)).transpose()?;
        let method = (method != "*").then(|| method.to_ascii_uppercase());
        Ok(Self { method, path, action: recordable::<C>(action)?, target })
    }

    fn fits(&self, method: &str, path: &str) -> Option<Recorded> {
        let asked = if method == "HEAD" { "GET" } else { method };
        if self.method.as_deref().is_some_and(|own| own != method && own != asked) {
            return None;
        }
        let mut target_id = None;
        let mut rest = Some(path.strip_prefix('/')?);
        for (at, segment) in self.path.iter().enumerate() {
            let text = rest?;
            let (one, after) = text.split_once('/').map_or((text, None), |(one, after)| (one, Some(after)));
            let (value, after) = match segment {
                Segment::Text(own) if own == one => (one, after),
                Segment::One(_) if !one.is_empty() => (one, after),
                Segment::Rest(_) if !text.is_empty() => (text, None),
                _ => return None,
            };
            if self.target == Some(at) {
                target_id = Some(decoded(value));
            }
            rest = after;
        }
        rest.is_none().then_some(Recorded { action: self.action, target_id })
    }
}

fn read_path(path: &str) -> Result<Vec<Segment>, Reason> {
    let segments = path.strip_prefix('/').ok_or(Reason::Path)?.split('/');
    let segments: Vec<_> = segments
        .map(|segment| match segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}')) {
            Some(name) => match name.strip_prefix('*') {
                Some(name) => Segment::Rest(name.to_owned()),
                None => Segment::One(name.to_owned()),
            },
            None => Segment::Text(segment.to_owned()),
        })
        .collect();
    let within = segments.len().saturating_sub(1);
    if segments[..within].iter().any(|segment| matches!(segment, Segment::Rest(_))) {
        return Err(Reason::RestWithin);
    }
    Ok(segments)
}

fn position(path: &[Segment], wanted: &str) -> Result<usize, Reason> {
    let found =
        path.iter().position(|segment| matches!(segment, Segment::One(name) | Segment::Rest(name) if name == wanted));
    found.ok_or_else(|| Reason::NoParameter(wanted.to_owned()))
}

fn recordable<C: Catalog>(action: &str) -> Result<&'static ActionInfo, Reason> {
    let name = ActionName::parse::<C>(action)?;
    let info = catalog::find::<C>(name.as_str()).expect("it was found a moment ago");
    if let Some(field) = info.fields.iter().find(|field| !field.optional) {
        return Err(Reason::Metadata { action: info.name, field: field.name });
    }
    if info.durability != Durability::Queued {
        return Err(Reason::Durable(info.name));
    }
    Ok(info)
}

/// A segment without its percent-encoding (RFC 3986, section 2.1); as it stands where that is no UTF-8.
fn decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(|digits| str::from_utf8(digits).ok());
        let encoded = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(encoded.unwrap_or(*first));
        rest = if encoded.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| segment.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AuditAction;

    fn routes(table: &str) -> Routes {
        Routes::of::<AuditAction>(table).unwrap()
    }

    fn found(routes: &Routes, method: &str, path: &str) -> Option<(&'static str, Option<String>)> {
        routes.find(method, path).map(|recorded| (recorded.action.name, recorded.target_id))
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        let routes = routes(
            "# method, path, action, target
             POST   /projects               project.created
             DELETE /projects/{id}          project.deleted  id  # by its id
             *      /projects/{id}/pause    project.suspended id
             GET    /projects/{id}/secrets/{*name} secret.accessed name
             GET    /projects/mine/keys     key.created",
        );
        #[rustfmt::skip]
        let table = [
            ("POST", "/projects", Some(("project.created", None))),
            ("GET", "/projects", None),
            ("POST", "/projects/", None),
            ("POST", "projects", None),
            ("DELETE", "/projects/7", Some(("project.deleted", Some("7")))),
            ("DELETE", "/projects/a%20b%2Fc%zz", Some(("project.deleted", Some("a b/c%zz")))),
            ("DELETE", "/projects/%ff", Some(("project.deleted", Some("%ff")))),
            ("DELETE", "/projects/", None),
            ("DELETE", "/projects/7/", None),
            ("PUT", "/projects/7/pause", Some(("project.suspended", Some("7")))),
            ("GET", "/projects/7/secrets/a/b", Some(("secret.accessed", Some("a/b")))),
            ("HEAD", "/projects/7/secrets/a", Some(("secret.accessed", Some("a")))),
            ("GET", "/projects/7/secrets/", None),
            ("GET", "/projects/mine/keys", Some(("key.created", None))),
            ("GET", "/projects/7/keys", None),
        ];
        for (method, path, expected) in table {
            let expected = expected.map(|(action, target)| (action, target.map(str::to_owned)));
            assert_eq!(found(&routes, method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_line() {
        #[rustfmt::skip]
        let table = [
            ("\nPOST /projects", "line 2 of the routes: write METHOD /path action"),
            ("POST /projects project.created a b", "line 1 of the routes: write METHOD /path action"),
            ("POST projects project.created", "has to begin with `/`"),
            ("GET /{*rest}/x secret.accessed", "`{*…}` has to be the last segment"),
            ("GET /{id} secret.accessed name", "the path has no parameter `{name}`"),
            ("GET /{id} secret.acessed", "did you mean `secret.accessed`?"),
            ("PUT /{id}/role user.role_changed id", "`user.role_changed` needs the metadata `old_role`"),
        ];
        for (text, said) in table {
            let error = Routes::of::<AuditAction>(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
