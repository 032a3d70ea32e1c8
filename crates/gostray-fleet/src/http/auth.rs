//! Who may do what.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use crate::http::App;
use crate::http::error::ApiError;

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look at everything.
    View,
    /// Also accept leaks, take snapshots, and reload the configuration.
    Act,
}

/// Somebody who has shown who they are.
#[derive(Debug, Clone)]
pub struct User {
    /// Their name.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// Who is known. Without anybody, everybody may do everything: the server then listens on
/// loopback only.
#[derive(Default)]
pub struct Authentication {
    /// Users with bcrypt hashes of their passwords.
    passwords: HashMap<String, (String, Role)>,
    /// SHA-256 of each token, with its name.
    tokens: HashMap<[u8; 32], (String, Role)>,
    /// Passwords that were right before, as SHA-256 of user and password: bcrypt is slow on purpose.
    right: Mutex<HashMap<[u8; 32], ()>>,
}

/// So many right passwords are remembered.
const REMEMBERED: usize = 1_000;

impl Authentication {
    /// Knows users (name, bcrypt hash, role) and tokens (name, token, role).
    #[must_use]
    pub fn new(
        users: impl IntoIterator<Item = (String, String, Role)>,
        tokens: impl IntoIterator<Item = (String, String, Role)>,
    ) -> Self {
        Self {
            passwords: users.into_iter().map(|(name, hash, role)| (name, (hash, role))).collect(),
            tokens: tokens
                .into_iter()
                .map(|(name, token, role)| (Sha256::digest(token.as_bytes()).into(), (name, role)))
                .collect(),
            right: Mutex::default(),
        }
    }

    /// Is anybody known?
    #[must_use]
    pub fn is_on(&self) -> bool {
        !(self.passwords.is_empty() && self.tokens.is_empty())
    }

    /// Who sends these headers; `None` for nobody that is known.
    async fn who(&self, headers: &HeaderMap) -> Option<User> {
        if !self.is_on() {
            return Some(User { name: "anyone on this machine".to_owned(), role: Role::Act });
        }
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, credentials) = value.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            let digest: [u8; 32] = Sha256::digest(credentials.trim().as_bytes()).into();
            let (name, role) = self.tokens.get(&digest)?;
            return Some(User { name: name.clone(), role: *role });
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = base64::engine::general_purpose::STANDARD.decode(credentials.trim()).ok()?;
        let pair = String::from_utf8(pair).ok()?;
        let (name, password) = pair.split_once(':')?;
        // An unknown user costs as much time as a known one: nothing tells which names exist.
        const NOBODY: &str = "$2b$10$CwTycUXWue0Thq9StjUM0uJ8S2o5h1JfZ0cQ2o9oZ1yqCB2yO3n7G";
        let (hash, role) = self.passwords.get(name).map_or((NOBODY, None), |(hash, role)| (hash, Some(*role)));
        let digest: [u8; 32] = Sha256::digest(pair.as_bytes()).into();
        let known = self.right.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&digest);
        if !known {
            let (password, hash) = (password.to_owned(), hash.to_owned());
            let right = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash).unwrap_or(false)).await;
            if !right.unwrap_or(false) {
                return None;
            }
        }
        let role = role?;
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= REMEMBERED {
            right.clear();
        }
        right.insert(digest, ());
        Some(User { name: name.to_owned(), role })
    }
}

/// Lets known people pass, and only requests that a page of this server or a program made change
/// anything.
pub(crate) async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    // Orchestrators ask without credentials, and learn nothing.
    if matches!(request.uri().path(), "/-/healthy" | "/-/ready") {
        return next.run(request).await;
    }
    let Some(user) = app.authentication.who(request.headers()).await else {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"gostray\", charset=\"UTF-8\"")];
        let error = ApiError::new(StatusCode::UNAUTHORIZED, "sign in: send a user and password, or a bearer token");
        return (challenge, error).into_response();
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        // A form or image of another site can't set this header, and a script of it may not.
        if !request.headers().contains_key("x-gostray") {
            return ApiError::new(
                StatusCode::FORBIDDEN,
                "send the header `X-Gostray: 1` with requests that change something",
            )
            .into_response();
        }
        if user.role < Role::Act && !request.uri().path().ends_with("/snapshots") {
            return ApiError::new(StatusCode::FORBIDDEN, "your role is `view`: this needs the role `act`")
                .into_response();
        }
    }
    request.extensions_mut().insert(user);
    next.run(request).await
}
