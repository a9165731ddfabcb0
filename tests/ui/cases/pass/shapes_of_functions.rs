#![deny(warnings)]
#![allow(dead_code)]

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

mod audit {
    #[derive(audit_core::Catalog)]
    pub enum Action {
        #[audit(action = "door.opened", target = "door")]
        Opened,
        #[audit(action = "door.counted", target = "door")]
        Counted { n: i64, s: Option<String>, t: Option<Vec<u8>> },
    }
}

use audit::audited;

struct Doors<T> {
    one: T,
    all: Vec<u32>,
}

impl<T: Clone + Send + Sync + 'static> Doors<T> {
    #[audited(action = "door.opened", target_id = 1)]
    fn by_value(self) -> T {
        self.one
    }

    #[audited(action = "door.opened", target_id = 1)]
    fn shared(self: Arc<Self>) -> Arc<Self> {
        self
    }

    #[audited(action = "door.opened", target_id = 1)]
    fn boxed(self: Box<Self>) -> T {
        self.one
    }

    #[audited(action = "door.opened", target_id = 1)]
    fn pinned(self: Pin<&mut Self>) -> usize {
        self.all.len()
    }

    #[audited(action = "door.opened", target_id = i)]
    async fn borrowed(&mut self, i: usize) -> Option<&mut u32> {
        let door = self.all.get_mut(i)?;
        Some(door)
    }

    #[audited(action = "door.opened", target_id = 1)]
    async fn mutable(mut self, mut n: u32) -> Self {
        n += 1;
        self.all.push(n);
        self
    }

    #[audited(action = "door.opened", target_id = 1)]
    fn patterns<const N: usize>([a, b]: [u32; 2], (_, r#type): (u8, u8), _: u8) -> u32
    where
        T: Default,
    {
        a + b + u32::from(r#type)
    }
}

trait Open {
    fn open(&self) -> impl Future<Output = u32> + Send;

    #[audited(action = "door.opened", target_id = 1)]
    fn provided(&self) -> u32 {
        1
    }
}

impl Open for u32 {
    #[audited(action = "door.opened", target_id = self)]
    async fn open(&self) -> u32 {
        *self
    }
}

#[audited(action = "door.counted", target_id = 1, metadata(n = 5, s = x.map(ToString::to_string), t = *b"ab"))]
fn typed(x: Option<&str>) {}

#[audited(action = "door.counted", target_id = 1, metadata(n, ret s = %|p: &u64| *p + 1))]
async fn question_marks(n: i64) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
    if n > 1 {
        Err("x")?;
    }
    std::future::ready(()).await;
    Ok(n.try_into()?)
}

#[audited(action = "door.opened", target_id = 1)]
async fn coerced() -> Result<Box<dyn Debug + Send>, String> {
    if std::env::args().count() > 1 {
        return Ok(Box::new(1));
    }
    Ok(Box::new("x"))
}

#[audited(action = "door.opened", target_id = 1)]
async fn opaque() -> Result<impl Iterator<Item = u32>, String> {
    Ok(vec![1].into_iter())
}

#[audited(action = "door.opened", target_id = 1)]
fn closure(n: u32) -> impl Fn(u32) -> u32 {
    move |x| x + n
}

#[audited(action = "door.opened", target_id = 1)]
unsafe fn raw(p: *const u8) -> u8 {
    unsafe { *p }
}

#[audited(action = "door.opened", target_id = 1)]
async unsafe fn raw_later() {}

#[audited(action = "door.opened", target_id = 1)]
fn generic<R, F: FnOnce() -> R>(f: F) -> R {
    f()
}

#[audited(action = "door.opened", target_id = n)]
async fn recursive(n: u32) -> u32 {
    if n == 0 { 0 } else { Box::pin(recursive(n - 1)).await + 1 }
}

#[audited(action = "door.opened", target_id = 1, metadata(x = ?s.as_ref(), %y, z = %format_args!("{}", y)))]
fn argument_of_a_trait(s: &impl AsRef<str>, y: &str) -> usize {
    s.as_ref().len() + y.len()
}

struct Wrap<T>(T);

#[audited(action = "door.opened")]
async fn handler(Wrap(door_id): Wrap<u32>) -> Result<(), std::convert::Infallible> {
    Ok(())
}

macro_rules! make {
    ($name:ident, $action:literal) => {
        #[audited(action = $action, target_id = 1)]
        fn $name() {}
    };
}
make!(made, "door.opened");

mod without_prelude {
    #![no_implicit_prelude]

    use crate::audit::audited;

    #[audited(action = "door.counted", target_id = n, metadata(n, s = %s, t = later))]
    fn sync(n: i64, s: &str) -> ::std::result::Result<(), i32> {
        ::std::result::Result::Ok(())
    }

    #[audited(action = "door.opened", target_id = 1, skip_if = false, err = |e| *e, on = "failure")]
    fn future() -> impl ::core::future::Future<Output = ::std::result::Result<(), i32>> {
        async { ::std::result::Result::Ok(()) }
    }

    #[audited(action = "door.opened", target_id = 1, outcome = |_| ::audit_core::Outcome::Success)]
    fn boxed() -> ::std::pin::Pin<::std::boxed::Box<dyn ::core::future::Future<Output = u8>>> {
        ::std::boxed::Box::pin(async { 1 })
    }

    struct Block;

    #[audited(target_id = 1)]
    impl Block {
        #[audited(action = "door.opened")]
        async fn method(&self) -> ::std::result::Result<u8, &str> {
            ::std::result::Result::Ok(1)
        }
    }

    #[audited(action = "door.opened", target_id = |x| **x)]
    async fn asynchronous(n: &i64) -> &i64 {
        n
    }

    // Types with the names of type parameters, which must not be mistaken for the expansion's own.
    mod short_names {
        #[derive(::audit_core::Catalog)]
        enum A {
            #[audit(action = "x.y", target = "x")]
            Y { n: ::std::option::Option<i64> },
            #[audit(include)]
            F(::audit_core::AuditAction),
        }

        #[derive(::audit_core::Catalog)]
        #[audit(attribute = "empty")]
        enum F {}
    }
}

fn main() {
    typed(None);
    made();
}
