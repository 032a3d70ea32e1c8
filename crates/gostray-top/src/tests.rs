//! A state, and the screen that it gives.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::time::{Duration, Instant};

use gostray_model::Snapshot;
use gostray_profile::Limits;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::state::{Ask, State};
use crate::view::draw;

/// Senders that are stuck and a server; names as in East Asia, too.
fn snapshot(senders: u64, others: u64) -> Snapshot {
    let mut dump = String::from(
        "goroutine 1 [IO wait, 3 minutes]:\nnet/http.(*Server).Serve(0x1)\n\t/go/server.go:1 +0x1\nmain.main()\n\t/x/main.go:9 +0x1\n\n",
    );
    for id in 0..senders {
        dump.push_str(&format!(
            "goroutine {} [chan send, 12 minutes]:\nshop/訂單.(*伺服器).查詢.func1()\n\t/x/查詢.go:21 +0x1\n\
             created by shop/訂單.(*伺服器).查詢 in goroutine 1\n\t/x/查詢.go:20 +0x1\n\n",
            100 + id * 40
        ));
    }
    for id in 0..others {
        dump.push_str(&format!(
            "goroutine {} [select]:\nmain.worker()\n\t/x/worker.go:5 +0x1\ncreated by main.main in goroutine 1\n\t/x/main.go:7 +0x1\n\n",
            10 + id
        ));
    }
    gostray_profile::read(dump.as_bytes(), &Limits::default()).unwrap().snapshot
}

/// Two looks, a minute apart.
fn state() -> State {
    let mut state = State::new("pid:4711", true);
    let start = Instant::now();
    state.take(snapshot(12, 3), start);
    state.take(snapshot(42, 3), start + Duration::from_secs(60));
    state
}

fn screen(state: &State, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, state)).unwrap();
    terminal.backend().to_string()
}

fn press(state: &mut State, keys: &[KeyCode]) -> Ask {
    let mut ask = Ask::Nothing;
    for code in keys {
        ask = state.press(KeyEvent::new(*code, KeyModifiers::NONE));
    }
    ask
}

#[test]
fn groups_in_80_columns() {
    insta::assert_snapshot!(screen(&state(), 80, 24));
}

#[test]
fn one_group_with_its_goroutines() {
    let mut state = state();
    press(&mut state, &[KeyCode::Enter]);
    insta::assert_snapshot!(screen(&state, 100, 20));
}

#[test]
fn what_has_changed_since_the_mark() {
    let mut state = state();
    press(&mut state, &[KeyCode::Char('m')]);
    let later = state.now + Duration::from_secs(60);
    state.take(snapshot(50, 1), later);
    press(&mut state, &[KeyCode::Char('d')]);
    insta::assert_snapshot!(screen(&state, 80, 12));
}

#[test]
fn the_keys() {
    let mut state = state();
    press(&mut state, &[KeyCode::Char('?')]);
    insta::assert_snapshot!(screen(&state, 90, 22));
    assert_eq!(press(&mut state, &[KeyCode::Esc, KeyCode::Char('q')]), Ask::Quit);
}

#[test]
fn a_filter_shows_what_has_the_word() {
    let mut state = state();
    press(&mut state, &"/查詢".chars().map(KeyCode::Char).collect::<Vec<_>>());
    assert!(state.is_typing && state.shown().len() == 1);
    insta::assert_snapshot!(screen(&state, 80, 8));
    press(&mut state, &[KeyCode::Enter, KeyCode::Esc]);
    assert_eq!((state.is_typing, state.shown().len()), (false, 3));
}

#[test]
fn a_frozen_screen_stays_and_counting_goes_on() {
    let mut state = state();
    press(&mut state, &[KeyCode::Char(' ')]);
    let before = state.judged[0].group.count;
    let later = state.now + Duration::from_secs(60);
    state.take(snapshot(100, 3), later);
    assert_eq!(state.judged[0].group.count, before);
    assert_eq!(state.history.totals.back(), Some(&104));
    press(&mut state, &[KeyCode::Char(' ')]);
    state.take(snapshot(100, 3), later + Duration::from_secs(1));
    assert_eq!(state.judged[0].group.count, 100);
}

#[test]
fn the_chosen_group_stays_chosen_and_no_size_is_too_small() {
    let mut state = state();
    press(&mut state, &[KeyCode::Down]);
    let chosen = state.chosen().unwrap().group.signature;
    let later = state.now + Duration::from_secs(1);
    // Now there are more of the others.
    state.take(snapshot(2, 9), later);
    assert_eq!(state.chosen().unwrap().group.signature, chosen);
    for (width, height) in [(1, 1), (20, 3), (40, 5), (300, 80)] {
        screen(&state, width, height);
    }
    // All are gone.
    state.take(Snapshot::default(), later + Duration::from_secs(1));
    press(&mut state, &[KeyCode::Down, KeyCode::Enter, KeyCode::PageDown, KeyCode::Esc, KeyCode::End]);
    screen(&state, 80, 24);
}
