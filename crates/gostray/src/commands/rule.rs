//! `gostray rule [RULE]`.

use anyhow::bail;
use gostray_check::{RULES, rule};

use crate::cli::{Lang, RuleArgs};
use crate::exit::Exit;
use crate::output;

pub(crate) fn run(args: &RuleArgs) -> anyhow::Result<Exit> {
    let Some(name) = &args.rule else {
        output::to(None, |out| {
            for rule in RULES {
                let summary = match args.lang {
                    Lang::En => rule.summary(),
                    Lang::ZhCn => rule.chinese().lines().next().unwrap_or_default().to_owned(),
                };
                writeln!(out, "{}  {:<24} {:<8} {summary}", rule.code, rule.name, rule.tier.word())?;
            }
            Ok(())
        })?;
        return Ok(Exit::Clean);
    };
    let Some(rule) = rule(name) else {
        bail!("there is no rule {name:?}: `gostray rule` lists them");
    };
    output::to(None, |out| {
        writeln!(out, "# {} {} ({})\n", rule.code, rule.name, rule.tier.word())?;
        match args.lang {
            Lang::En => writeln!(out, "{}", rule.documentation()),
            Lang::ZhCn => writeln!(out, "{}", rule.chinese().trim_end()),
        }
    })?;
    Ok(Exit::Clean)
}
