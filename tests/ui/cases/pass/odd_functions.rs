//! Whatever stands in a signature or a body, the attribute takes it as it is.

#![deny(warnings)]
#![allow(dead_code, clippy::all)]

use audit_core::audited;
use std::cell::{Cell, RefCell};
use std::fmt::{Debug, Display};
use std::future::{Future, ready};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};

trait Shape {
    #[audited(action = "project.updated", target_id = 1)]
    fn sized(self) -> u8
    where
        Self: Sized,
    {
        1
    }
    #[audited(action = "project.updated", target_id = 1)]
    fn by_ref(&self) -> &Self {
        self
    }
    #[audited(action = "project.updated", target_id = 1)]
    async fn later(&self)
    where
        Self: Sync,
    {
    }
    type Output: Default;
    #[audited(action = "project.updated", target_id = 1)]
    fn associated() -> Self::Output
    where
        Self: Sized,
    {
        Self::Output::default()
    }
}
impl Shape for u8 {
    type Output = u8;
}
trait Dyn {}
impl dyn Dyn {
    #[audited(action = "project.updated", target_id = 1)]
    fn on_dyn(&self) -> &dyn Dyn {
        self
    }
    #[audited(action = "project.updated", target_id = 1)]
    fn on_dyn_box(self: Box<Self>) -> Box<dyn Dyn> {
        self
    }
}
struct S<'a> {
    text: &'a str,
    list: Vec<String>,
    lock: Mutex<u8>,
}
impl<'a> S<'a> {
    #[audited(action = "project.updated", target_id = 1)]
    fn named_mut(&'a mut self) -> &'a mut Vec<String> {
        &mut self.list
    }
    #[audited(action = "project.updated", target_id = 1)]
    fn longer(&self) -> &'a str {
        self.text
    }
    #[audited(action = "project.updated", target_id = self.text)]
    fn guard(&self) -> MutexGuard<'_, u8> {
        self.lock.lock().unwrap()
    }
    #[audited(action = "project.updated", target_id = 1)]
    fn iterate(&self) -> impl Iterator<Item = (&str, impl Display)> + '_ {
        self.list.iter().map(|s| (s.as_str(), 1))
    }
    #[audited(action = "project.updated", target_id = 1)]
    fn boxed_iter<'b>(&'b self) -> Box<dyn Iterator<Item = &'b String> + 'b> {
        Box::new(self.list.iter())
    }
    #[audited(action = "project.updated", target_id = 1)]
    async fn two<'b>(&'b mut self, other: &'a str) -> (&'b mut Vec<String>, &'a str) {
        ready(()).await;
        (&mut self.list, other)
    }
    #[audited(action = "project.updated", target_id = 1)]
    fn rc(self: Rc<Self>) -> usize {
        Rc::strong_count(&self)
    }
    #[audited(action = "project.updated", target_id = 1)]
    fn arc_ref(self: &Arc<Self>) -> Arc<Self> {
        Arc::clone(self)
    }
    #[audited(action = "project.updated", target_id = 1)]
    async fn pinned(self: Pin<&mut Self>, n: u8) -> u8 {
        n + self.list.len() as u8
    }
}
#[audited(action = "project.updated", target_id = 1)]
fn nested_impl(f: impl Fn(u8) -> Option<u8>, g: &mut dyn FnMut(&str), h: fn(u8) -> u8) -> Option<impl Fn() -> u8> {
    g("x");
    let n = f(h(1))?;
    Some(move || n)
}
#[audited(action = "project.updated", target_id = 1)]
fn tail_closure(mut f: impl for<'x> FnMut(&'x str) -> &'x str) -> usize {
    f("abc").len()
}
#[audited(action = "project.updated", target_id = 1)]
async fn async_closure(f: impl AsyncFn(u8) -> u8) -> u8 {
    f(1).await
}
#[audited(action = "project.updated", target_id = 1)]
async fn inner_question() -> Result<u8, String> {
    let inner = async move {
        let n: u8 = "5".parse().map_err(|_| "no".to_owned())?;
        Ok::<u8, String>(n)
    };
    Ok(inner.await? + 1)
}
#[audited(action = "project.updated", target_id = r#type, metadata(changes = r#match))]
fn raw(r#type: u8, r#match: &str) -> usize {
    r#match.len()
}
#[audited(action = "project.updated", target_id = *a, metadata(changes = n))]
fn patterns(ref a: u8, n @ 0..=255: u8, (ref mut b, _): (u8, u8), all @ [first, ..]: [u8; 3]) -> u8 {
    *b += 1;
    *a + n + *b + first + all[0]
}
#[audited(action = "project.updated", target_id = 1)]
fn cfg_parameter(#[cfg(any())] gone: Nothing, #[cfg(all())] here: u8, #[allow(unused)] odd: u8) -> u8 {
    here
}
#[audited(action = "project.updated", target_id = 1)]
fn arrays<const N: usize, const B: bool>(x: [u8; N]) -> [u8; N]
where
    [u8; N]: Sized,
{
    if B { x } else { [0; N] }
}
#[audited(action = "project.updated", target_id = const { 1 + 1 })]
fn const_block() -> usize {
    const { size_of::<u8>() }
}
#[audited(action = "project.updated", target_id = 1)]
fn loops(n: u8) -> u8 {
    'outer: loop {
        let x = loop {
            if n > 3 {
                break n;
            }
            if n == 200 {
                break 'outer 5;
            }
            return 7;
        };
        break x + 1;
    }
}
#[audited(action = "project.updated", target_id = 1)]
fn labelled(n: u8) -> Option<u8> {
    let x = 'a: {
        if n > 1 {
            break 'a 1;
        }
        2
    };
    Some(x)
}
macro_rules! bail {
    ($e:expr) => {
        return Err($e.into())
    };
}
#[audited(action = "project.updated", target_id = 1)]
fn bails(n: u8) -> Result<(), Box<dyn std::error::Error>> {
    if n > 1 {
        bail!("x")
    }
    Ok(())
}
#[audited(action = "project.updated", target_id = 1)]
async fn bails_later(n: u8) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    if n > 1 {
        bail!("x")
    }
    Ok(())
}
#[must_use = "so"]
#[deprecated(note = "x")]
#[inline(always)]
#[cold]
#[audited(action = "project.updated", target_id = 1)]
#[doc(hidden)]
#[doc = "x"]
fn many() -> u8 {
    1
}
#[audited(action = "project.updated", target_id = 1)]
fn control() -> ControlFlow<u8, String> {
    ControlFlow::Break(1)?;
    ControlFlow::Continue(String::new())
}
#[audited(action = "project.updated", target_id = 1)]
fn unit_explicit() -> () {}
#[audited(action = "project.updated", target_id = 1)]
fn not_send(x: Rc<u8>) -> Rc<RefCell<u8>> {
    Rc::new(RefCell::new(*x))
}
#[audited(action = "project.updated", target_id = 1)]
async fn not_send_later(x: Rc<Cell<u8>>) -> u8 {
    ready(()).await;
    x.get()
}
#[audited(action = "project.updated", target_id = 1)]
fn dyn_any(x: &(dyn std::any::Any + Send)) -> Option<&u8> {
    x.downcast_ref()
}
#[audited(action = "project.updated", target_id = 1)]
fn elided(a: &str) -> std::str::Chars<'_> {
    a.chars()
}
#[audited(action = "project.updated", target_id = 1)]
fn anon<'x: 'y, 'y>(a: &'x str, _b: &'y str) -> &'y str {
    a
}
#[audited(action = "project.updated", target_id = 1)]
pub(crate) async fn stream() -> impl Iterator<Item = Result<u8, String>> {
    [Ok(1)].into_iter()
}
#[audited(action = "project.updated", target_id = 1)]
fn fut_nested(n: u8) -> impl Future<Output = Result<impl Display, impl Debug>> + Send {
    async move { if n > 1 { Err("x") } else { Ok(1) } }
}
#[audited(action = "project.updated", target_id = 1)]
fn pin_box_send<'a>(s: &'a mut String) -> Pin<Box<dyn Future<Output = &'a str> + Send + 'a>> {
    Box::pin(async {
        s.push('x');
        ready(()).await;
        s.as_str()
    })
}
#[audited(action = "project.updated", target_id = 1)]
fn pin_early(n: u8) -> Pin<Box<dyn Future<Output = u8>>> {
    if n > 1 {
        return Box::pin(ready(1));
    }
    let m = n + 1;
    Box::pin(async move { m })
}
#[audited(action = "project.updated", target_id = 1)]
fn pin_dyn_err() -> Pin<Box<dyn Future<Output = Result<(), Box<dyn std::error::Error>>>>> {
    Box::pin(async move {
        Err("x")?;
        Ok(())
    })
}
#[audited(action = "project.updated", target_id = 1)]
fn coerces() -> Box<dyn Fn(u8) -> u8> {
    Box::new(|x| x)
}
#[audited(action = "project.updated", target_id = 1)]
fn slices(x: &mut [u8]) -> &mut [u8] {
    let (a, _) = x.split_at_mut(1);
    a
}
#[audited(action = "project.updated", target_id = 1)]
fn fnptr() -> fn(u8) -> u8 {
    fn inner(x: u8) -> u8 {
        x
    }
    inner
}
#[audited(action = "project.updated", target_id = 1)]
fn never_in_option() -> Option<std::convert::Infallible> {
    None
}
#[audited(action = "project.updated", target_id = 1)]
fn statics() -> &'static str {
    static X: &str = "x";
    const Y: usize = 1;
    struct Z;
    impl Z {
        const W: usize = Y;
    }
    let _ = Z::W;
    X
}
#[audited(action = "project.updated", target_id = 1)]
fn uses() -> u32 {
    use std::collections::HashMap;
    let m: HashMap<u8, u32> = HashMap::new();
    m.values().sum()
}
#[audited(action = "project.updated", target_id = 1, metadata(changes = { let v: Vec<u8> = x.iter().map(|x| x + 1).collect(); v }))]
fn expr_block(x: &[u8]) -> usize {
    x.len()
}
#[audited(action = "project.updated", target_id = match x { 0 => "a", _ => "b" }, skip_if = if x > 5 { true } else { false })]
fn expr_match(x: u8) {}
#[audited(action = "project.updated", target_id = x.iter().map(|x| x.to_string()).collect::<Vec<_>>().join(","))]
fn turbofish(x: &[u8]) -> usize {
    x.len()
}
#[audited(action = "project.updated", target_id = |x: &u8| { let y = *x; y + 1 })]
fn closure_typed() -> u8 {
    1
}
#[audited(action = "project.updated", target_id = move |x| x.len() + k)]
fn closure_move(k: usize) -> String {
    String::new()
}
mod own {
    pub struct Option;
    pub enum R {
        Ok,
        Err,
    }
    pub use R::*;
}
#[audited(action = "project.updated", target_id = 1)]
fn shadowed_inside() -> u8 {
    use own::*;
    let _ = Option;
    match Ok {
        Ok => 1,
        Err => 2,
    }
}
#[audited(action = "project.updated", target_id = value)]
fn own_names(value: u8, captures: u8, call: u8, result: u8, krate: u8, returned: u8) -> u8 {
    value + captures + call + result + krate + returned
}
#[audited(action = "project.updated", target_id = 1, metadata(ret changes = |ok| ok + value + call))]
async fn own_names_after(value: u8, call: u8) -> u8 {
    value + call
}

fn main() {}
