//! What the dear questions tell: proofs, and which goroutines are still there.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use gostray_model::Snapshot;

use super::{MAX_STACKS, Watch};
use crate::Millis;
use crate::scrape::{Answer, Observation, Outcome, now};
use crate::store::Evidence;
use crate::target::{Place, Target};

/// Snapshots that are kept as evidence of one leak.
const MAX_EVIDENCE: usize = 20;

impl Watch {
    pub(super) fn take_leaks(&mut self, outcome: Outcome) {
        let id = outcome.target.id();
        match outcome.answer {
            Ok(answer) => self.prove(&outcome.target, outcome.at, &answer),
            Err(error) => {
                use crate::scrape::AskError;
                use gostray_endpoint::EndpointError;
                let process = self.processes.entry(id).or_default();
                process.no_leaks = matches!(
                    error,
                    AskError::NotAllowed(_)
                        | AskError::Endpoint(EndpointError::NotFound { .. } | EndpointError::ForeignPark { .. })
                );
                tracing::debug!(instance = outcome.target.instance(), %error, "no leak profile");
                if matches!(error, AskError::Prove(_)) {
                    let text = format!("{}: {error}", outcome.target.instance());
                    self.shared.write().warnings.insert(format!("prove {id}"), text);
                }
            }
        }
    }

    /// What a leak profile or a look into memory proves.
    fn prove(&mut self, target: &Arc<Target>, at: Millis, answer: &Answer) {
        let snapshot = &answer.snapshot;
        let is_profile = matches!(target.place, Place::Url(_));
        let is_leaked = |record: &gostray_model::Record| is_profile || snapshot.tables.status(record.status).leaked;
        if !is_profile {
            // A look into memory lists all goroutines: what is shown beside the proof is of the same moment.
            let observation = Observation::of(snapshot, MAX_STACKS);
            match self.keep(target, at, &observation) {
                Ok(()) => self.count(target.id(), at, &observation),
                Err(error) => self.store_failed(&error),
            }
        }
        let mut proven: BTreeMap<String, u64> = BTreeMap::new();
        for record in snapshot.records.iter().filter(|record| is_leaked(record)) {
            let (stack, _) = crate::scrape::stack_of(snapshot, record.stack, record.status);
            // Go counts main in `select {}`, and hides its stack.
            if !stack.frames.is_empty() {
                *proven.entry(stack.signature).or_default() += u64::from(record.count);
            }
        }
        self.detection.proven(target.service(), target.id(), at, &proven);
        for (signature, told) in &answer.memory {
            let leak = crate::watch::leak_id(target.service(), signature);
            self.shared.write().held_by.insert(leak, told.held_by.clone());
        }
        let evaluated: Vec<String> = proven.into_keys().collect();
        let kind = if is_profile { "goroutineleak" } else { "memory" };
        for signature in &evaluated {
            let Some(one) = self.detection.look(target.service(), signature, now()) else { continue };
            let leak = self.advance(one);
            if let Some(leak) = leak {
                self.keep_evidence(&leak, target, at, kind, snapshot);
            }
        }
        self.publish();
    }

    pub(super) fn take_ids(&mut self, outcome: Outcome) {
        let target = &outcome.target;
        let snapshot = match outcome.answer {
            Ok(answer) => answer.snapshot,
            Err(error) => {
                tracing::debug!(instance = target.instance(), %error, "no ids");
                self.detection.no_ids(target.service(), target.id(), outcome.at);
                return;
            }
        };
        if !snapshot.is_complete() {
            // What is cut off would look as if it had ended.
            self.detection.no_ids(target.service(), target.id(), outcome.at);
            return;
        }
        let mut ids: HashMap<String, Vec<u64>> = HashMap::new();
        for record in snapshot.records.iter().filter(|record| record.id != 0) {
            let (stack, _) = crate::scrape::stack_of(&snapshot, record.stack, record.status);
            ids.entry(stack.signature).or_default().push(record.id);
        }
        for signature in self.detection.ids(target.service(), target.id(), outcome.at, ids) {
            if let Some(one) = self.detection.look(target.service(), &signature, now())
                && let Some(leak) = self.advance(one)
            {
                self.keep_evidence(&leak, target, outcome.at, "goroutine?debug=2", &snapshot);
            }
        }
        self.publish();
    }

    fn keep_evidence(&mut self, leak: &str, target: &Target, at: Millis, kind: &str, snapshot: &Snapshot) {
        let kept = self.ledger.evidence_of(leak).map_or(MAX_EVIDENCE, |all| all.len());
        if kept >= MAX_EVIDENCE {
            return;
        }
        let mut bytes = Vec::new();
        // Labels may hold what is private.
        let mut snapshot = snapshot.clone();
        for record in &mut snapshot.records {
            record.labels = gostray_model::LabelsId::NONE;
        }
        let written = match snapshot.has_ids() {
            true => gostray_profile::write_traceback(&snapshot, &mut bytes),
            false => gostray_profile::write_pprof(&snapshot, &mut bytes),
        };
        if written.is_err() {
            return;
        }
        let evidence = Evidence {
            leak: leak.to_owned(),
            at,
            instance: target.instance().to_owned(),
            kind: kind.to_owned(),
            bytes,
        };
        if let Err(error) = self.ledger.keep_evidence(&evidence) {
            self.store_failed(&error);
        }
    }
}
