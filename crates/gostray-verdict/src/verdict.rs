//! The words a verdict is given in.

/// How sure gostray is that goroutines leak; the most suspicious first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// They can never run again.
    Proven,
    /// Nearly always a leak; not proven.
    Likely,
    /// Worth a look.
    Suspect,
    /// Nothing is known that speaks for or against.
    Unknown,
    /// They are meant to be there, for a reason that is given.
    Normal,
}

impl Verdict {
    /// The word of the JSON schema and of every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Likely => "likely",
            Self::Suspect => "suspect",
            Self::Unknown => "unknown",
            Self::Normal => "normal",
        }
    }

    /// Does a user have to act on it (exit code 1)?
    #[must_use]
    pub fn is_leak(self) -> bool {
        matches!(self, Self::Proven | Self::Likely)
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What kind of fact it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EvidenceKind {
    /// Nothing alive can reach what the goroutine waits for.
    Proof,
    /// How long it has been waiting.
    Age,
    /// How many there are of its kind at one instant.
    Count,
    /// It became more over time.
    Growth,
    /// A finding in the source.
    Static,
    /// Other instances of the service don't show it.
    Peer,
    /// An entry of the catalogue of goroutines that are meant to wait, or what it is doing.
    Known,
}

impl EvidenceKind {
    /// The word of the JSON schema.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proof => "proof",
            Self::Age => "age",
            Self::Count => "count",
            Self::Growth => "growth",
            Self::Static => "static",
            Self::Peer => "peer",
            Self::Known => "known",
        }
    }
}

/// A fact that a verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Its kind.
    pub kind: EvidenceKind,
    /// The fact in a sentence, without a full stop.
    pub detail: String,
}

/// A verdict and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What it rests on; never empty.
    pub evidence: Vec<Evidence>,
}

impl Judgement {
    /// A judgement that rests on one fact.
    pub fn new(verdict: Verdict, kind: EvidenceKind, detail: impl Into<String>) -> Self {
        Self { verdict, evidence: vec![Evidence { kind, detail: detail.into() }] }
    }

    /// The same with one more fact.
    #[must_use]
    pub fn and(mut self, kind: EvidenceKind, detail: impl Into<String>) -> Self {
        self.evidence.push(Evidence { kind, detail: detail.into() });
        self
    }
}
