//! The objects of one kind, as they are now.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use kube::api::Api;
use kube::core::{ClusterResourceScope, NamespaceResourceScope};
use kube::runtime::reflector::{Store, store};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::discovery::fetch::said;
use crate::discovery::kubernetes::Selector;
use crate::discovery::mechanism::{Give, Given};

/// A watch that goes on says so only with the next change; one that fails fails again before this.
const OVER: Duration = Duration::from_secs(120);

/// What can be followed.
pub(super) trait Followed:
    Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
}

impl<K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static> Followed for K {}

/// Objects, by `namespace/name`, or the name alone where there is no namespace.
pub(super) type ByName<K> = BTreeMap<String, Arc<K>>;

/// The objects of one kind, in one or several namespaces.
pub(super) struct Objects<K: Followed>(Vec<Store<K>>);

impl<K: Followed> Objects<K> {
    pub(super) fn all(&self) -> Vec<Arc<K>> {
        self.0.iter().flat_map(Store::state).collect()
    }

    pub(super) fn by_name(&self) -> ByName<K> {
        self.all().into_iter().map(|object| (key(object.namespace().as_deref(), &object.name_any()), object)).collect()
    }
}

/// The name of an object among those of its kind.
pub(super) fn key(namespace: Option<&str>, name: &str) -> String {
    namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
}

/// What goes on with all kinds that are followed.
#[derive(Default)]
pub(super) struct Following {
    tasks: JoinSet<()>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    changed: Notify,
    /// Why a kind can't be listed or watched, and when that was.
    errors: Mutex<BTreeMap<String, (Instant, String)>>,
    /// Kinds that were not listed yet.
    missing: Mutex<usize>,
}

impl Following {
    /// Follows the objects of namespaces; of all where one is `None`.
    pub(super) fn in_namespaces<K: Followed + Resource<Scope = NamespaceResourceScope>>(
        &mut self,
        client: &Client,
        spaces: &[Option<String>],
        selector: Option<&Selector>,
    ) -> Objects<K> {
        let apis = spaces.iter().map(|space| match space {
            Some(space) => Api::namespaced(client.clone(), space),
            None => Api::all(client.clone()),
        });
        Objects(apis.map(|api| self.follow(api, selector)).collect())
    }

    /// Follows objects that are in no namespace.
    pub(super) fn of_cluster<K: Followed + Resource<Scope = ClusterResourceScope>>(
        &mut self,
        client: &Client,
        selector: Option<&Selector>,
    ) -> Objects<K> {
        Objects(vec![self.follow(Api::all(client.clone()), selector)])
    }

    fn follow<K: Followed>(&mut self, api: Api<K>, selector: Option<&Selector>) -> Store<K> {
        let settings = watcher::Config {
            label_selector: selector.and_then(|selector| selector.label.clone()),
            field_selector: selector.and_then(|selector| selector.field.clone()),
            ..watcher::Config::default()
        };
        let (reader, writer) = store();
        let kind = K::plural(&()).into_owned();
        let about = format!("{kind} at {}", api.resource_url());
        let state = self.state.clone();
        *state.missing.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.tasks.spawn(async move {
            let mut is_listed = false;
            // What the API says of who wrote which field is large, and of no use here.
            let events = watcher(api, settings).default_backoff().map(|event| event.map(|event| event.modify(lighter)));
            let events = events.reflect(writer);
            let mut events = std::pin::pin!(events);
            while let Some(event) = events.next().await {
                match event {
                    Ok(event) => {
                        state.errors.lock().unwrap_or_else(PoisonError::into_inner).remove(&about);
                        if !is_listed && matches!(event, watcher::Event::InitDone) {
                            is_listed = true;
                            *state.missing.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
                        }
                    }
                    Err(error) => {
                        let mut errors = state.errors.lock().unwrap_or_else(PoisonError::into_inner);
                        errors.insert(about.clone(), (Instant::now(), said(&error)));
                    }
                }
                state.changed.notify_one();
            }
        });
        reader
    }

    /// Waits until all is listed once, and says what hinders that.
    pub(super) async fn begun(&self, give: &Give) {
        let is_missing = || *self.state.missing.lock().unwrap_or_else(PoisonError::into_inner) > 0;
        while is_missing() {
            self.changed().await;
            let errors = self.errors();
            if !errors.is_empty() && !give.give(Given { groups: None, errors }).await {
                return;
            }
        }
    }

    /// Waits for a change, or until errors may be over.
    pub(super) async fn changed(&self) {
        let longest = if self.errors().is_empty() { Duration::MAX } else { OVER / 4 };
        let _ = tokio::time::timeout(longest, self.state.changed.notified()).await;
    }

    pub(super) fn errors(&self) -> Vec<String> {
        let mut errors = self.state.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.retain(|_, (at, _)| at.elapsed() < OVER);
        errors.iter().map(|(about, (_, why))| format!("{about}: {why}")).collect()
    }
}

fn lighter<K: Followed>(object: &mut K) {
    object.meta_mut().managed_fields = None;
}
