//! Requests at a rate that does not depend on the answers (an open loop): a slow service gets no fewer of them.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::time::Duration;

use reqwest::{Client, Url};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::request::Request;

/// How requests are sent.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// Requests a second.
    pub(crate) rate: f64,
    /// So many requests under way at most.
    pub(crate) concurrency: usize,
    /// So long an answer may take.
    pub(crate) timeout: Duration,
}

/// What became of requests.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// Requests that were sent.
    pub sent: u64,
    /// Requests whose time had come when too many were under way: they were not sent.
    pub held_back: u64,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests without an answer, by what went wrong.
    pub errors: BTreeMap<String, u64>,
    /// Requests that were given up on purpose.
    pub hung_up: u64,
    /// From when a request should have been sent to the last byte of its answer, in microseconds.
    micros: Vec<u32>,
}

/// How long answers took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latency {
    /// Half took no longer.
    pub p50: Duration,
    /// Of ten, nine took no longer.
    pub p90: Duration,
    /// Of a hundred, ninety-nine.
    pub p99: Duration,
    /// None took longer.
    pub max: Duration,
}

impl Answers {
    /// Adds others.
    pub(crate) fn join(&mut self, other: Self) {
        self.sent += other.sent;
        self.held_back += other.held_back;
        self.hung_up += other.hung_up;
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        for (error, count) in other.errors {
            *self.errors.entry(error).or_default() += count;
        }
        self.micros.extend(other.micros);
    }

    /// Answers that say that all went well.
    #[must_use]
    pub fn good(&self) -> u64 {
        self.statuses.iter().filter(|(status, _)| **status < 400).map(|(_, count)| count).sum()
    }

    /// What is wrong with the answers, if more than one in ten is.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let asked = self.sent - self.hung_up.min(self.sent);
        if asked == 0 && self.sent > 0 {
            return None;
        }
        if asked > 0 && (asked - self.good().min(asked)) * 10 <= asked {
            return None;
        }
        let bad = self.statuses.iter().filter(|(status, _)| **status >= 400).map(|(s, n)| (format!("answers {s}"), *n));
        let errors = self.errors.iter().map(|(error, count)| (error.clone(), *count));
        let (what, count) = bad.chain(errors).max_by_key(|(_, count)| *count)?;
        Some(format!("{what} ({count} of {asked} requests)"))
    }

    /// How long answers took.
    #[must_use]
    pub fn latency(&self) -> Latency {
        let mut sorted = self.micros.clone();
        sorted.sort_unstable();
        let at = |share: usize| {
            let place = (sorted.len() * share).div_ceil(100).saturating_sub(1);
            Duration::from_micros(sorted.get(place).copied().unwrap_or(0).into())
        };
        Latency { p50: at(50), p90: at(90), p99: at(99), max: at(100) }
    }
}

/// What became of one request.
enum Answer {
    Status(u16, Duration),
    Error(String),
    HungUp,
}

/// A client with connections of its own, which are closed with it.
pub(crate) fn client(load: &Load) -> Result<Client, reqwest::Error> {
    gostray_endpoint::prepare_tls();
    Client::builder()
        .user_agent(concat!("gostray-soak/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(load.timeout)
        .connect_timeout(load.timeout)
        .build()
}

/// Sends `count` requests, each of the given ones in turn. With `patience`, the client hangs up after a part of
/// that time, another one each time.
pub(crate) async fn drive(
    requests: &[(&Request, Url)],
    count: u64,
    load: &Load,
    patience: Option<Duration>,
    sent: &mut dyn FnMut(u64),
) -> Result<Answers, reqwest::Error> {
    let client = client(load)?;
    let mut answers = Answers::default();
    let mut under_way = JoinSet::new();
    let start = Instant::now();
    for number in 0..count {
        #[expect(clippy::cast_precision_loss, reason = "no load test sends 2^52 requests")]
        let due = start + Duration::from_secs_f64(number as f64 / load.rate);
        while Instant::now() < due {
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                Some(answer) = under_way.join_next() => answers.take(answer.ok()),
            }
        }
        if under_way.len() >= load.concurrency {
            answers.held_back += 1;
            continue;
        }
        let (request, url) = &requests[usize::try_from(number).unwrap_or(0) % requests.len()];
        let mut builder = client.request(request.method.clone(), url.clone()).headers(request.headers.clone());
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        // Spread over the time, and the same in each run.
        let patience =
            patience.map(|patience| patience.mul_f64(f64::from(u8::try_from(number % 16).unwrap_or(0)) / 16.0));
        answers.sent += 1;
        under_way.spawn(send(builder, due, patience));
        sent(answers.sent);
    }
    while let Some(answer) = under_way.join_next().await {
        answers.take(answer.ok());
    }
    Ok(answers)
}

impl Answers {
    fn take(&mut self, answer: Option<Answer>) {
        match answer {
            Some(Answer::Status(status, took)) => {
                *self.statuses.entry(status).or_default() += 1;
                self.micros.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
            }
            Some(Answer::Error(error)) => *self.errors.entry(error).or_default() += 1,
            Some(Answer::HungUp) => self.hung_up += 1,
            None => {}
        }
    }
}

async fn send(builder: reqwest::RequestBuilder, due: Instant, patience: Option<Duration>) -> Answer {
    let whole = async {
        let response = builder.send().await?;
        let status = response.status().as_u16();
        response.bytes().await?;
        Ok::<u16, reqwest::Error>(status)
    };
    let answer = match patience {
        None => whole.await,
        Some(patience) => match tokio::time::timeout(patience, whole).await {
            Ok(answer) => answer,
            Err(_) => return Answer::HungUp,
        },
    };
    match answer {
        Ok(status) => Answer::Status(status, due.elapsed()),
        Err(error) => Answer::Error(kind(&error)),
    }
}

/// What went wrong, in few words, so that the same is counted as the same.
fn kind(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            match io.kind() {
                std::io::ErrorKind::ConnectionRefused => return "refuses connections".to_owned(),
                std::io::ErrorKind::ConnectionReset => return "resets connections".to_owned(),
                _ => {}
            }
        }
        cause = inner.source();
    }
    let what = if error.is_timeout() {
        "does not answer in time"
    } else if error.is_connect() {
        "can't be connected to"
    } else {
        "closes connections without an answer"
    };
    what.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_summed_up() {
        let mut answers = Answers { sent: 100, ..Answers::default() };
        for took in 1..=100u64 {
            answers.take(Some(Answer::Status(200, Duration::from_millis(took))));
        }
        let latency = answers.latency();
        let millis = [latency.p50, latency.p90, latency.p99, latency.max].map(|time| time.as_millis());
        assert_eq!(millis, [50, 90, 99, 100]);
        assert_eq!(answers.trouble(), None);
        let bad = Answers { sent: 10, statuses: BTreeMap::from([(200, 5), (500, 5)]), ..Answers::default() };
        assert_eq!(bad.trouble().as_deref(), Some("answers 500 (5 of 10 requests)"));
    }
}
