//! Where it listens, and who may look.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::values::secret;
use crate::http::{Authentication, Listen, ListenAddress, Role, Tls};

/// `web`.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// Where it listens (`127.0.0.1:7117`).
    pub listen_address: Option<ListenAddress>,
    /// How others reach it: links in alerts begin with it.
    pub external_url: Option<String>,
    tls_server_config: Option<TlsServer>,
    /// Users, with bcrypt hashes of their passwords.
    #[serde(default)]
    basic_auth_users: BTreeMap<String, String>,
    #[serde(default)]
    bearer_tokens: Vec<BearerToken>,
    /// What users may do; `view` where absent.
    #[serde(default)]
    roles: BTreeMap<String, RoleName>,
}

impl std::fmt::Debug for Web {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Web").field("listen_address", &self.listen_address).finish_non_exhaustive()
    }
}

/// `tls_server_config`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsServer {
    cert_file: PathBuf,
    key_file: PathBuf,
    client_ca_file: Option<PathBuf>,
}

/// A token of a program.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BearerToken {
    name: String,
    token: Option<String>,
    token_file: Option<PathBuf>,
    #[serde(default)]
    role: RoleName,
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoleName {
    /// Look.
    #[default]
    View,
    /// Also act.
    Act,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::View => Self::View,
            RoleName::Act => Self::Act,
        }
    }
}

/// Is it a hash of bcrypt that can be checked within a second or so? Each round doubles the time.
fn is_bcrypt(hash: &str) -> bool {
    let cost = hash.parse::<bcrypt::HashParts>().ok().map(|parts| parts.get_cost());
    cost.is_some_and(|cost| cost <= 14)
}

impl Web {
    /// Where and how to listen, and who is known; `listen` overrides the address.
    ///
    /// # Errors
    /// If a token can't be read, a hash is none, or others could look without showing who they are.
    pub fn access(&self, listen: Option<&ListenAddress>, base: &Path) -> Result<(Listen, Authentication), Vec<String>> {
        let mut errors = Vec::new();
        let address = listen.or(self.listen_address.as_ref()).cloned().unwrap_or_default();
        let role = |name: &String| self.roles.get(name).copied().unwrap_or_default().into();
        for (name, hash) in &self.basic_auth_users {
            if !is_bcrypt(hash) {
                errors.push(format!("web.basic_auth_users: the hash of {name:?} is none of bcrypt with a cost of at most 14: make one with `htpasswd -nBC 10 {name}`"));
            }
        }
        for name in self.roles.keys().filter(|name| !self.basic_auth_users.contains_key(*name)) {
            errors.push(format!("web.roles: there is no user {name:?} in basic_auth_users"));
        }
        let mut tokens = Vec::new();
        for token in &self.bearer_tokens {
            let read = secret(token.token.as_ref(), token.token_file.as_ref(), base, "token").and_then(|secret| {
                let secret = secret.ok_or_else(|| "token or token_file is missing".to_owned())?;
                secret.read().map_err(|error| format!("token_file: {error}"))
            });
            match read {
                Ok(text) if text.len() < 16 => {
                    errors.push(format!("web.bearer_tokens, {:?}: a token has at least 16 characters", token.name));
                }
                Ok(text) => tokens.push((token.name.clone(), text, token.role.into())),
                Err(what) => errors.push(format!("web.bearer_tokens, {:?}: {what}", token.name)),
            }
        }
        let users = self.basic_auth_users.iter().map(|(name, hash)| (name.clone(), hash.clone(), role(name)));
        let authentication = Authentication::new(users, tokens);
        if !address.is_loopback() && !authentication.is_on() {
            errors.push(format!(
                "it would listen at {address} for everybody: dumps hold secrets. Add web.basic_auth_users or web.bearer_tokens, or listen on 127.0.0.1"
            ));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let tls = self.tls_server_config.as_ref().map(|own| Tls {
            certificate: base.join(&own.cert_file),
            key: base.join(&own.key_file),
            client_ca: own.client_ca_file.as_ref().map(|file| base.join(file)),
        });
        Ok((Listen { address, tls }, authentication))
    }
}
