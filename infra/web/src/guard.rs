//! Routes that cannot be left unguarded: the first argument of every handler is a [`Guard`], or it does not compile.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    handler::Handler,
    routing::{MethodRouter, delete, get, patch, post, put},
};

/// Decides who may enter a route: [`crate::Caller`], [`crate::Anyone`] …
pub trait Guard {}

/// The argument types of a handler whose first one is a guard. Implemented for handlers of up to six arguments.
pub trait Guarded {}

macro_rules! guarded {
    ($($more:ident),*) => {
        impl<M, G: Guard, $($more),*> Guarded for (M, G, $($more,)*) {}
    };
}
guarded!();
guarded!(A);
guarded!(A, B);
guarded!(A, B, C);
guarded!(A, B, C, D);
guarded!(A, B, C, D, E);

/// A router to which only guarded handlers can be added.
#[derive(Debug)]
pub struct Routes<S> {
    router: Router<S>,
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name<H, T>(self, path: &str, handler: H) -> Self
        where
            H: Handler<T, S>,
            T: Guarded + 'static,
        {
            self.add(path, $name(handler))
        }
    )*};
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes.
    pub fn new() -> Self {
        Self { router: Router::new() }
    }

    methods! {
        /// Adds a `GET` route.
        get,
        /// Adds a `POST` route.
        post,
        /// Adds a `PUT` route.
        put,
        /// Adds a `PATCH` route.
        patch,
        /// Adds a `DELETE` route.
        delete
    }

    /// Adds a `PUT` route and the `POST` twin that older clients call.
    #[must_use]
    pub fn put_or_post<H, T>(self, path: &str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: Guarded + 'static,
    {
        self.add(path, put(handler.clone()).post(handler))
    }

    /// Lets bodies of these routes have up to `bytes`, in place of what ordinary ones may have.
    #[must_use]
    pub fn with_body_limit(self, bytes: usize) -> Self {
        Self {
            router: self.router.layer(DefaultBodyLimit::max(bytes)),
        }
    }

    /// All routes of both.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            router: self.router.merge(other.router),
        }
    }

    /// The router, to be put together with others.
    pub fn into_router(self) -> Router<S> {
        self.router
    }

    fn add(self, path: &str, route: MethodRouter<S>) -> Self {
        Self {
            router: self.router.route(path, route),
        }
    }
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self::new()
    }
}
