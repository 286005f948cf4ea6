//! What the document says of a route.

use crate::Surface;
use crate::conditional::{JSON, OCTETS, TEXT};
use axum::handler::Handler;
use axum::routing::{MethodRouter, get, post, put};

/// A route and its description.
pub(crate) struct Route {
    /// In lower case, as OpenAPI writes it.
    pub(crate) method: &'static str,
    /// As axum writes it.
    pub(crate) path: &'static str,
    pub(crate) handler: MethodRouter<Surface>,
    /// Name of the operation.
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) parameters: Vec<Parameter>,
    /// Media type of the request's body.
    pub(crate) body: Option<&'static str>,
    pub(crate) answers: Vec<Reply>,
    /// Media type of refusals.
    pub(crate) refusals: &'static str,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    /// Required in the query.
    Needed,
    Header,
}

/// A parameter.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    /// Name of its schema.
    pub(crate) schema: &'static str,
    pub(crate) about: &'static str,
}

/// An answer that is no refusal.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Media type and name of the schema; none for an answer without a body.
    pub(crate) body: Option<(&'static str, Option<&'static str>)>,
    pub(crate) about: &'static str,
}

impl Route {
    fn new(
        method: &'static str,
        path: &'static str,
        handler: MethodRouter<Surface>,
        (id, summary): (&'static str, &'static str),
    ) -> Self {
        Self {
            method,
            path,
            handler,
            id,
            summary,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            refusals: "application/problem+json",
        }
    }

    /// A route that reads.
    pub(crate) fn get<H, T>(
        path: &'static str,
        handler: H,
        about: (&'static str, &'static str),
    ) -> Self
    where
        H: Handler<T, Surface>,
        T: 'static,
    {
        Self::new("get", path, get(handler), about)
    }

    /// A route that submits a body.
    pub(crate) fn post<H, T>(
        path: &'static str,
        handler: H,
        about: (&'static str, &'static str),
        media: &'static str,
    ) -> Self
    where
        H: Handler<T, Surface>,
        T: 'static,
    {
        let body = Some(media);
        Self {
            body,
            ..Self::new("post", path, post(handler), about)
        }
    }

    /// A route that stores a body under its own name.
    pub(crate) fn put<H, T>(
        path: &'static str,
        handler: H,
        about: (&'static str, &'static str),
        media: &'static str,
    ) -> Self
    where
        H: Handler<T, Surface>,
        T: 'static,
    {
        let body = Some(media);
        Self {
            body,
            ..Self::new("put", path, put(handler), about)
        }
    }

    /// Refusals of another form.
    pub(crate) fn refusals(mut self, media: &'static str) -> Self {
        self.refusals = media;
        self
    }

    /// Adds a parameter.
    pub(crate) fn with(
        mut self,
        place: Place,
        name: &'static str,
        schema: &'static str,
        about: &'static str,
    ) -> Self {
        self.parameters.push(Parameter {
            name,
            place,
            schema,
            about,
        });
        self
    }

    fn answers(mut self, reply: Reply) -> Self {
        self.answers.push(reply);
        self
    }

    /// Answers 200 with a record of this schema.
    pub(crate) fn json(self, schema: &'static str, about: &'static str) -> Self {
        self.status(200, schema, about)
    }

    /// Answers a status with a record of this schema.
    pub(crate) fn status(self, status: u16, schema: &'static str, about: &'static str) -> Self {
        self.answers(Reply {
            status,
            body: Some((JSON, Some(schema))),
            about,
        })
    }

    /// Answers 200 with a text.
    pub(crate) fn text(self, about: &'static str) -> Self {
        self.media(200, TEXT, about)
    }

    /// Answers 200 with bytes.
    pub(crate) fn bytes(self, about: &'static str) -> Self {
        self.media(200, OCTETS, about)
    }

    /// Answers a status with a body of a media type.
    pub(crate) fn media(self, status: u16, media: &'static str, about: &'static str) -> Self {
        self.answers(Reply {
            status,
            body: Some((media, None)),
            about,
        })
    }

    /// Answers a status without a body.
    pub(crate) fn empty(self, status: u16, about: &'static str) -> Self {
        self.answers(Reply {
            status,
            body: None,
            about,
        })
    }

    /// Adds the parameters of a page that goes upwards from `upwards`.
    pub(crate) fn page(self, upwards: &'static str, about: &'static str) -> Self {
        self.with(Place::Query, upwards, "Number", about)
            .with(
                Place::Query,
                "before",
                "Number",
                "Items below this, newest first. Without it and its opposite: the newest.",
            )
            .counted()
    }

    /// Adds the number of items of a page.
    pub(crate) fn counted(self) -> Self {
        self.with(
            Place::Query,
            "count",
            "Count",
            "Most items of the page; 20 when left out, and never more than 100.",
        )
    }

    /// The path as OpenAPI writes it.
    pub(crate) fn open_api_path(&self) -> String {
        self.path.replace("{*", "{")
    }
}
