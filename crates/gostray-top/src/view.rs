//! A state → a screen.

use gostray_model::{Frame as CallFrame, FunctionName, Group};
use gostray_report::words::{duration, number, printable};
use gostray_verdict::{Judged, Verdict};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Row, Table, TableState};

use crate::state::{Screen, State};

const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);

/// Lines of source around where goroutines wait.
const AROUND: usize = 4;
/// So many goroutines of a group are listed.
const LISTED: usize = 200;

pub(crate) fn draw(frame: &mut Frame<'_>, state: &State) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(2), Constraint::Min(3), Constraint::Length(1)]).areas(frame.area());
    frame.render_widget(Paragraph::new(header(state)), head);
    match state.screen {
        Screen::Groups => groups(frame, body, state),
        Screen::Group(..) => text(frame, body, state, story(state)),
        Screen::Diff => text(frame, body, state, diff(state)),
        Screen::Help => text(frame, body, state, HELP.iter().map(|line| Line::from(*line)).collect()),
    }
    frame.render_widget(Paragraph::new(footer(state)), foot);
}

fn header(state: &State) -> Vec<Line<'static>> {
    let snapshot = &state.snapshot;
    let mut first = vec![Span::styled(printable(&state.name), BOLD)];
    for known in [&snapshot.target.go_version, &snapshot.target.module].into_iter().flatten() {
        first.push(Span::raw(format!("  {}", printable(known))));
    }
    first.push(Span::raw(format!("  {} goroutines ", number(snapshot.goroutines()))));
    first.push(Span::styled(curve(state), Style::new().fg(Color::Cyan)));
    if state.is_frozen {
        first.push(Span::styled("  frozen", Style::new().fg(Color::Yellow)));
    }
    let mut second: Vec<Span<'static>> = Vec::new();
    for verdict in [Verdict::Proven, Verdict::Likely, Verdict::Suspect] {
        let count: u64 =
            state.judged.iter().filter(|own| own.judgement.verdict == verdict).map(|own| own.group.count).sum();
        if count > 0 {
            second.push(Span::styled(format!("{} {verdict}  ", number(count)), colour(verdict)));
        }
    }
    if let Some(message) = &state.message {
        second.push(Span::styled(printable(message), Style::new().fg(Color::Yellow)));
    }
    vec![Line::from(first), Line::from(second)]
}

/// Goroutines over time, as high as they are against the most.
fn curve(state: &State) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let totals = &state.history.totals;
    let (least, most) = (totals.iter().min().copied().unwrap_or(0), totals.iter().max().copied().unwrap_or(0));
    let span = (most - least).max(1);
    let shown = totals.iter().skip(totals.len().saturating_sub(20));
    shown.map(|total| BARS[usize::try_from((total - least) * 7 / span).unwrap_or(0).min(7)]).collect()
}

fn footer(state: &State) -> Line<'static> {
    if state.is_typing {
        return Line::from(format!("filter: {}▏  Enter keeps it, Esc drops it", printable(&state.filter)));
    }
    let filter = if state.filter.is_empty() { String::new() } else { format!("[{}] ", printable(&state.filter)) };
    let keys = match state.screen {
        Screen::Groups => {
            format!("Enter open  / filter  s sort: {}  m mark  d diff  p prove  ? help  q quit", state.sort.word())
        }
        _ => "Esc back  ↑↓ scroll  space freeze  ? help  q quit".to_owned(),
    };
    Line::from(vec![Span::raw(filter), Span::styled(keys, DIM)])
}

fn groups(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let rows = state.shown().into_iter().map(|judged| row(state, judged));
    let widths = [
        Constraint::Length(9),
        Constraint::Length(8),
        Constraint::Length(7),
        Constraint::Length(16),
        Constraint::Length(8),
        Constraint::Min(10),
    ];
    let header = Row::new(["    COUNT", "     Δ/m", " OLDEST", "STATE", "VERDICT", "FUNCTION (CREATED BY)"]).style(DIM);
    let table = Table::new(rows, widths)
        .header(header)
        .column_spacing(1)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut chosen = TableState::default().with_selected(Some(state.selected));
    frame.render_stateful_widget(table, area, &mut chosen);
}

fn row(state: &State, judged: &Judged) -> Row<'static> {
    let Judged { group, judgement } = judged;
    let tables = &state.snapshot.tables;
    let rate = match state.history.per_minute(group.signature) {
        None => "·".to_owned(),
        Some(rate) if rate.abs() < 0.5 => "~".to_owned(),
        Some(rate) => format!("{rate:+.0}"),
    };
    let grows = state.history.per_minute(group.signature).is_some_and(|rate| rate >= 0.5);
    let oldest = state.history.oldest(group, state.now).map_or_else(|| "-".to_owned(), duration);
    let verdict = judgement.verdict;
    let style = if verdict == Verdict::Normal { DIM } else { Style::new() };
    Row::new([
        Span::styled(format!("{:>9}", number(group.count)), style),
        Span::styled(format!("{rate:>8}"), if grows { Style::new().fg(Color::Red) } else { style }),
        Span::styled(format!("{oldest:>7}"), style),
        Span::styled(printable(group.state(tables)), style),
        Span::styled(verdict.as_str(), colour(verdict)),
        Span::styled(place_of(group, state), style),
    ])
}

fn place_of(group: &Group, state: &State) -> String {
    let tables = &state.snapshot.tables;
    let short = |frame: Option<&CallFrame>| frame.map(|f| printable(&FunctionName::new(&f.function).short()));
    let at = short(group.blocked_at(tables)).unwrap_or_else(|| "?".to_owned());
    match short(group.created_at(tables)) {
        Some(creator) => format!("{at} ({creator})"),
        None => at,
    }
}

fn text(frame: &mut Frame<'_>, area: Rect, state: &State, lines: Vec<Line<'static>>) {
    let last = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(1);
    frame.render_widget(Paragraph::new(lines).scroll((state.scroll.min(last), 0)), area);
}

/// All that is known of a group.
fn story(state: &State) -> Vec<Line<'static>> {
    let Some(Judged { group, judgement }) = state.chosen() else {
        return vec![Line::from("none of these goroutines is there any more")];
    };
    let snapshot = &state.snapshot;
    let tables = &snapshot.tables;
    let mut lines = vec![Line::from(vec![
        Span::styled(judgement.verdict.as_str(), colour(judgement.verdict)),
        Span::styled(format!("  {} × {}", number(group.count), printable(group.state(tables))), BOLD),
    ])];
    let mut say = |key: &str, text: String| {
        lines.push(Line::from(vec![Span::styled(format!("  {key:<11}"), DIM), Span::raw(text)]));
    };
    for evidence in &judgement.evidence {
        say("because", printable(&evidence.detail));
    }
    if let Some(retained) = group.retained(snapshot) {
        say("retains", format!("{} bytes that nothing else can reach", number(retained)));
    }
    for (holder, count) in group.held_by(snapshot).into_iter().take(3) {
        say("held by", format!("{} ({count})", printable(holder)));
    }
    let stack = group.stack(tables);
    for (at, frame) in tables.visible(stack).enumerate() {
        say(if at == 0 { "stack" } else { "" }, shown(frame));
    }
    if let Some(frame) = group.created_at(tables) {
        say("created by", shown(frame));
    }
    if let Some(frame) = group.blocked_at(tables) {
        let source = source(frame);
        if !source.is_empty() {
            say("", String::new());
        }
        for (at, line) in source.into_iter().enumerate() {
            say(if at == 0 { "source" } else { "" }, line);
        }
    }
    for (at, record) in group.members(snapshot).take(LISTED).enumerate() {
        let labels: Vec<String> =
            tables.labels(record.labels).iter().map(|(key, value)| format!("{key}={value}")).collect();
        let who = if record.id == 0 { format!("{} without ids", record.count) } else { record.id.to_string() };
        let by = if record.creator_id == 0 { String::new() } else { format!("  started by {}", record.creator_id) };
        say(if at == 0 { "goroutines" } else { "" }, format!("{who}{by}  {}", printable(&labels.join(" "))));
    }
    if group.count > LISTED as u64 {
        say("", format!("… and {} more", number(group.count - LISTED as u64)));
    }
    lines
}

fn shown(frame: &CallFrame) -> String {
    format!("{}  {}:{}", printable(&frame.function), printable(&frame.file), frame.line)
}

/// The lines around a place, where the file is here.
fn source(frame: &CallFrame) -> Vec<String> {
    let Ok(text) = std::fs::read_to_string(&*frame.file) else { return Vec::new() };
    let line = frame.line as usize;
    let around = text.lines().enumerate().map(|(at, text)| (at + 1, text));
    around
        .filter(|(at, _)| at.abs_diff(line) <= AROUND)
        .map(|(at, text)| {
            let mark = if at == line { '▶' } else { ' ' };
            format!("{mark} {at:>5}  {}", printable(&text.replace('\t', "    ")))
        })
        .collect()
}

/// What has changed since the mark.
fn diff(state: &State) -> Vec<Line<'static>> {
    let Some(diff) = state.changes() else { return Vec::new() };
    let mut lines = vec![Line::from(format!(
        "since the mark: {} goroutines then, {} now",
        number(diff.before),
        number(diff.after)
    ))];
    for change in diff.changes.iter().filter(|change| change.delta() != 0) {
        let (group, tables) = match (change.after_groups.first(), change.before_groups.first(), &state.mark) {
            (Some(group), _, _) => (group, &state.snapshot.tables),
            (None, Some(group), Some(mark)) => (group, &mark.tables),
            _ => continue,
        };
        let at = group.blocked_at(tables).map_or_else(|| "?".to_owned(), |f| FunctionName::new(&f.function).short());
        let style = Style::new().fg(if change.delta() > 0 { Color::Red } else { Color::Green });
        lines.push(Line::from(vec![
            Span::styled(format!("{:>+9}", change.delta()), style),
            Span::raw(format!("  {:<16} {}", printable(group.state(tables)), printable(&at))),
        ]));
    }
    if lines.len() == 1 {
        lines.push(Line::from("nothing has changed"));
    }
    lines
}

const HELP: [&str; 17] = [
    "↑ ↓ j k        choose a group, or scroll",
    "Enter, →       its goroutines, stack, holders and source",
    "Esc, ←         back; on the first screen: drop the filter",
    "/              show only what has a word in its state, functions or files",
    "s              sort by count, growth or verdict",
    "m              mark what there is now",
    "d              what has changed since the mark",
    "p              prove which can never run again (processes only; held up for a moment)",
    "space, f       freeze the screen; counting goes on",
    "r              look now",
    "q, Ctrl-C      quit",
    "",
    "COUNT    goroutines of one kind",
    "Δ/m      how many more a minute, over the last minute; ~ for none",
    "OLDEST   how long the oldest has waited, or has been seen here",
    "VERDICT  proven, likely, suspect, unknown, normal: gostray inspect says why",
    "A look never stops the program; looks take at most a twentieth of the time.",
];

fn colour(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Proven => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
        Verdict::Likely => Style::new().fg(Color::Red),
        Verdict::Suspect => Style::new().fg(Color::Yellow),
        Verdict::Unknown => Style::new(),
        Verdict::Normal => DIM,
    }
}
