//! Who uses the services: more by day than by night, never twice the same, sometimes all at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Time as the fleet has it.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    pub(crate) began: Instant,
    pub(crate) hour: Duration,
}

impl Clock {
    pub(crate) fn hours(self) -> f64 {
        self.began.elapsed().as_secs_f64() / self.hour.as_secs_f64()
    }
}

/// How often, and when, a service is used in the way that leaks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Uses {
    /// As other requests come.
    WithRequests(f64),
    /// Evenly, by a timer.
    Evenly(f64),
    /// Hardly, but for some hours in which something fails.
    InBursts(f64),
    /// By one instance alone.
    OnOneInstance(f64),
}

impl Uses {
    /// How often in this hour, by the instance.
    fn rate(self, service: u64, instance: usize, hour: f64) -> f64 {
        match self {
            Self::WithRequests(rate) => rate * load(service, hour),
            Self::Evenly(rate) => rate,
            Self::InBursts(rate) if in_burst(service, hour) => 8.0 * rate,
            Self::InBursts(rate) => 0.1 * rate,
            Self::OnOneInstance(rate) if instance == 0 => rate * load(service, hour),
            Self::OnOneInstance(_) => 0.0,
        }
    }
}

impl std::fmt::Display for Uses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WithRequests(rate) => write!(f, "{rate}/h with requests"),
            Self::Evenly(rate) => write!(f, "{rate}/h evenly"),
            Self::InBursts(rate) => write!(f, "{rate}/h in bursts"),
            Self::OnOneInstance(rate) => write!(f, "{rate}/h on one instance"),
        }
    }
}

/// A number from 0 to 1 that is always the same for the same.
fn noise(seed: u64, at: u64) -> f64 {
    StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(at)).random()
}

fn whole(hours: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "hours of a test")]
    let whole = hours.max(0.0) as u64;
    whole
}

/// About one hour in ten.
fn in_burst(service: u64, hour: f64) -> bool {
    noise(service ^ 0xb0, whole(hour)) < 0.1
}

/// How much there is to do: 1 in the mean, with days, noise, and now and then twice as much for half an hour.
fn load(service: u64, hour: f64) -> f64 {
    let day = 1.0 - 0.7 * ((hour + 3.0 + noise(service, 0) * 4.0) / 24.0 * std::f64::consts::TAU).cos();
    let half_hour = whole(hour * 2.0);
    let spike = if noise(service ^ 0x5, half_hour) < 0.03 { 2.0 } else { 1.0 };
    day * (0.8 + 0.4 * noise(service ^ 0x9, half_hour)) * spike
}

/// What is done to one instance.
pub(crate) struct Traffic {
    pub(crate) port: u16,
    pub(crate) service: u64,
    pub(crate) instance: usize,
    pub(crate) uses: Uses,
    /// It is not used any more in the way that leaks.
    pub(crate) is_enough: Arc<AtomicBool>,
}

/// Connections of customers at mean load.
const CUSTOMERS: f64 = 8.0;
/// Clients that come to stay, in an hour at mean load, and for how many hours in the mean.
const SOCKETS: (f64, f64) = (2.0, 3.0);
/// How often it is looked at how much there is to do.
const TICK: Duration = Duration::from_millis(100);

/// Uses an instance for as long as it is not dropped; nothing goes on without it.
pub(crate) async fn drive(traffic: Traffic, clock: Clock) {
    let Traffic { port, service, instance, uses, is_enough } = traffic;
    let mut random = StdRng::seed_from_u64(service.wrapping_mul(31).wrapping_add(instance as u64));
    let (mut customers, mut others) = (Vec::new(), JoinSet::new());
    let mut before = clock.hours();
    let mut tick = tokio::time::interval(TICK);
    loop {
        tick.tick().await;
        while others.try_join_next().is_some() {}
        let now = clock.hours();
        let (passed, load) = (now - before, load(service, now));
        before = now;
        let wanted = usize::try_from(whole(CUSTOMERS * load + 0.5)).unwrap_or(0);
        customers.truncate(wanted);
        while customers.len() < wanted {
            let mut own = JoinSet::new();
            own.spawn(customer(port, clock, random.random()));
            customers.push(own);
        }
        for _ in 0..poisson(&mut random, SOCKETS.0 * load * passed) {
            let life = -SOCKETS.1 * random.random::<f64>().max(1e-9).ln();
            others.spawn(socket(port, clock.hour.mul_f64(life)));
        }
        if !is_enough.load(Ordering::Relaxed) {
            for _ in 0..poisson(&mut random, uses.rate(service, instance, now) * passed) {
                others.spawn(async move {
                    // An instance that is being restarted answers nobody.
                    let _ = request(port, "/use", Duration::from_secs(10)).await;
                });
            }
        }
    }
}

/// How many of what comes so often in the mean.
fn poisson(random: &mut StdRng, mean: f64) -> u32 {
    let (mut many, mut left) = (0, random.random::<f64>());
    while left > (-mean).exp() {
        left *= random.random::<f64>();
        many += 1;
    }
    many
}

/// One connection, on which something is asked about once in six minutes.
async fn customer(port: u16, clock: Clock, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    loop {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await {
            while ask(&mut stream, "/work", "keep-alive").await.is_ok() {
                tokio::time::sleep(clock.hour.mul_f64(0.2 * random.random::<f64>())).await;
            }
        }
        tokio::time::sleep(TICK).await;
    }
}

async fn socket(port: u16, life: Duration) {
    if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await
        && stream.write_all(b"GET /socket HTTP/1.1\r\nHost: fleet\r\n\r\n").await.is_ok()
    {
        let mut buffer = [0; 64];
        let stay = async { while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {} };
        // It ends with its life or with its instance.
        let _ = tokio::time::timeout(life, stay).await;
    }
}

async fn request(port: u16, path: &str, patience: Duration) -> std::io::Result<()> {
    let one = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        ask(&mut stream, path, "close").await
    };
    tokio::time::timeout(patience, one).await?
}

/// An answer has no body.
async fn ask(stream: &mut TcpStream, path: &str, connection: &str) -> std::io::Result<()> {
    let text = format!("GET {path} HTTP/1.1\r\nHost: fleet\r\nConnection: {connection}\r\n\r\n");
    stream.write_all(text.as_bytes()).await?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 512]);
    while !answer.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&buffer[..read]);
    }
    Ok(())
}
