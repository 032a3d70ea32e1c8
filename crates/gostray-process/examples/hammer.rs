use gostray_process::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let pid: u32 = a[1].parse().unwrap();
    let n: usize = a[2].parse().unwrap();
    let method = if a[3] == "stop" { Method::Stop } else { Method::Fork };
    let o = ProveOptions {
        look_first: false,
        method,
        max_pause: std::time::Duration::from_secs(5),
        ..ProveOptions::default()
    };
    let (mut pauses, mut errors, mut proven) = (vec![], 0, 0);
    for _ in 0..n {
        let mut p = Prover::attach(pid).unwrap();
        let t = std::time::Instant::now();
        let mut say = |x| {
            if n < 6 {
                println!("{:?} {x:?}", t.elapsed())
            }
        };
        let r = p.prove(&ProveOptions { look_first: n < 6, ..o.clone() }, &mut say);
        if n < 6 {
            println!("{:?} done", t.elapsed())
        }
        match r {
            Ok(s) => {
                pauses.push(s.pause.unwrap().as_secs_f64() * 1e3);
                if n >= 6 && s.facts.values().any(|f| f.proven) {
                    proven += 1;
                    for r in &s.records {
                        if s.facts.get(&r.id).is_some_and(|f| f.proven) {
                            let st = s.tables.stack(r.stack);
                            println!(
                                "PROVEN {} {} {:?}",
                                r.id,
                                s.tables.status(r.status).reason,
                                st.frames
                                    .iter()
                                    .map(|f| s.tables.frame(*f).function.to_string())
                                    .find(|f| f.starts_with("main."))
                            );
                        }
                    }
                }
            }
            Err(e) => {
                errors += 1;
                println!("{e}");
            }
        }
    }
    pauses.sort_by(f64::total_cmp);
    println!(
        "{} snapshots, {errors} errors, {proven} with proofs, pause median {:.2} ms, 95% {:.2}, max {:.2}",
        pauses.len(),
        pauses[pauses.len() / 2],
        pauses[pauses.len() * 95 / 100],
        pauses[pauses.len() - 1]
    );
}
