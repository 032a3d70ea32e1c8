//! What is shown, and what keys do.

use std::time::Instant;

use gostray_model::{Diff, Group, Signature, Snapshot, groups};
use gostray_verdict::{Judged, Policy, judge_all};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::history::History;

/// By what groups are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Count,
    Rate,
    Verdict,
}

impl Sort {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Rate => "growth",
            Self::Verdict => "verdict",
        }
    }
}

/// What fills the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Screen {
    Groups,
    /// One group: its goroutines and source. Proven and other goroutines of a signature are groups of their own.
    Group(Signature, bool),
    /// What has changed since the mark.
    Diff,
    Help,
}

/// What a key asks of whoever runs this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Nothing,
    Quit,
    /// A snapshot with proofs.
    Prove,
    /// A snapshot, now.
    Refresh,
}

/// What is shown.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) name: String,
    pub(crate) snapshot: Snapshot,
    pub(crate) judged: Vec<Judged>,
    pub(crate) history: History,
    pub(crate) now: Instant,
    pub(crate) screen: Screen,
    pub(crate) selected: usize,
    pub(crate) scroll: u16,
    pub(crate) sort: Sort,
    pub(crate) filter: String,
    /// The filter is being written.
    pub(crate) is_typing: bool,
    pub(crate) is_frozen: bool,
    pub(crate) can_prove: bool,
    /// What `m` has kept.
    pub(crate) mark: Option<Snapshot>,
    /// What is being done, or went wrong.
    pub(crate) message: Option<String>,
}

impl State {
    pub(crate) fn new(name: &str, can_prove: bool) -> Self {
        Self {
            name: name.to_owned(),
            snapshot: Snapshot::default(),
            judged: Vec::new(),
            history: History::default(),
            now: Instant::now(),
            screen: Screen::Groups,
            selected: 0,
            scroll: 0,
            sort: Sort::Count,
            filter: String::new(),
            is_typing: false,
            is_frozen: false,
            can_prove,
            mark: None,
            message: Some("taking the first snapshot".to_owned()),
        }
    }

    /// Takes a snapshot. A frozen screen stays as it is, but what grows is noted.
    pub(crate) fn take(&mut self, snapshot: Snapshot, now: Instant) {
        let groups = groups(&snapshot);
        self.history.add(&snapshot, &groups, now);
        self.message = None;
        if self.is_frozen {
            return;
        }
        let chosen = self.chosen().map(|judged| (judged.group.signature, judged.group.leaked));
        self.now = now;
        self.judged = judge_all(&snapshot, groups, &Policy::default());
        self.snapshot = snapshot;
        self.order();
        // The same group stays chosen, wherever it is now.
        let at = chosen.and_then(|chosen| {
            self.shown().iter().position(|judged| (judged.group.signature, judged.group.leaked) == chosen)
        });
        self.selected = at.unwrap_or(self.selected).min(self.shown().len().saturating_sub(1));
    }

    fn order(&mut self) {
        let history = &self.history;
        match self.sort {
            Sort::Count => self.judged.sort_by_key(|judged| std::cmp::Reverse(judged.group.count)),
            Sort::Verdict => self.judged.sort_by_key(|judged| judged.judgement.verdict),
            Sort::Rate => {
                let rate = |judged: &Judged| history.per_minute(judged.group.signature).unwrap_or(0.0);
                self.judged.sort_by(|a, b| rate(b).total_cmp(&rate(a)));
            }
        }
    }

    /// The groups that the filter lets through.
    pub(crate) fn shown(&self) -> Vec<&Judged> {
        let wanted = self.filter.to_lowercase();
        self.judged.iter().filter(|judged| wanted.is_empty() || self.matches(&judged.group, &wanted)).collect()
    }

    fn matches(&self, group: &Group, wanted: &str) -> bool {
        let tables = &self.snapshot.tables;
        let stack = group.stack(tables);
        let mut words = tables.visible(stack).chain(group.created_at(tables)).flat_map(|f| [&*f.function, &*f.file]);
        group.state(tables).to_lowercase().contains(wanted) || words.any(|word| word.to_lowercase().contains(wanted))
    }

    pub(crate) fn chosen(&self) -> Option<&Judged> {
        match self.screen {
            Screen::Group(signature, leaked) => {
                self.judged.iter().find(|judged| (judged.group.signature, judged.group.leaked) == (signature, leaked))
            }
            _ => self.shown().get(self.selected).copied(),
        }
    }

    /// What has changed since the mark, the largest first.
    pub(crate) fn changes(&self) -> Option<Diff> {
        Some(Diff::between(self.mark.as_ref()?, &self.snapshot))
    }

    /// Does what a key says.
    pub(crate) fn press(&mut self, key: KeyEvent) -> Ask {
        if key.modifiers.contains(KeyModifiers::CONTROL) && matches!(key.code, KeyCode::Char('c')) {
            return Ask::Quit;
        }
        if self.is_typing {
            self.write(key.code);
            return Ask::Nothing;
        }
        match key.code {
            KeyCode::Char('q') => return Ask::Quit,
            KeyCode::Esc | KeyCode::Backspace | KeyCode::Left | KeyCode::Char('h') => {
                match self.screen {
                    Screen::Groups => self.filter.clear(),
                    _ => self.show(Screen::Groups),
                }
                self.clamp();
            }
            KeyCode::Char('?') => self.show(Screen::Help),
            KeyCode::Down | KeyCode::Char('j') => self.go(1),
            KeyCode::Up | KeyCode::Char('k') => self.go(-1),
            KeyCode::PageDown => self.go(10),
            KeyCode::PageUp => self.go(-10),
            KeyCode::Home | KeyCode::Char('g') => self.go(i64::MIN / 2),
            KeyCode::End | KeyCode::Char('G') => self.go(i64::MAX / 2),
            KeyCode::Enter | KeyCode::Right | KeyCode::Char('l') if self.screen == Screen::Groups => {
                if let Some(judged) = self.chosen() {
                    let screen = Screen::Group(judged.group.signature, judged.group.leaked);
                    self.show(screen);
                }
            }
            KeyCode::Char('/') => {
                self.show(Screen::Groups);
                self.is_typing = true;
            }
            KeyCode::Char(' ' | 'f') => {
                self.is_frozen = !self.is_frozen;
                return Ask::Refresh;
            }
            KeyCode::Char('s') => {
                self.sort = match self.sort {
                    Sort::Count => Sort::Rate,
                    Sort::Rate => Sort::Verdict,
                    Sort::Verdict => Sort::Count,
                };
                self.order();
            }
            KeyCode::Char('m') => {
                self.mark = Some(self.snapshot.clone());
                self.message = Some("marked: d shows what has changed since".to_owned());
            }
            KeyCode::Char('d') if self.mark.is_some() => self.show(Screen::Diff),
            KeyCode::Char('d') => self.message = Some("nothing is marked yet: m marks what there is now".to_owned()),
            KeyCode::Char('p') if self.can_prove => {
                self.message = Some("proving: what can never run again".to_owned());
                return Ask::Prove;
            }
            KeyCode::Char('p') => self.message = Some("proofs need a process: gostray top PID".to_owned()),
            KeyCode::Char('r') => return Ask::Refresh,
            _ => {}
        }
        Ask::Nothing
    }

    fn write(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                self.is_typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(character) => self.filter.push(character),
            _ => {}
        }
        self.clamp();
    }

    fn show(&mut self, screen: Screen) {
        self.screen = screen;
        self.scroll = 0;
    }

    fn go(&mut self, by: i64) {
        if self.screen == Screen::Groups {
            let last = self.shown().len().saturating_sub(1);
            let at = i64::try_from(self.selected).unwrap_or(0).saturating_add(by).max(0);
            self.selected = usize::try_from(at).unwrap_or(0).min(last);
        } else {
            let at = i64::from(self.scroll).saturating_add(by).clamp(0, 10_000);
            self.scroll = u16::try_from(at).unwrap_or(0);
        }
    }

    fn clamp(&mut self) {
        self.selected = self.selected.min(self.shown().len().saturating_sub(1));
    }
}
