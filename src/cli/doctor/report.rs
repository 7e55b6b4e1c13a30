//! What the doctor says: one check after the other, and a line that sums them up.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::store::fitness::{Grade, Verdict};

/// Details of one check that are printed at most.
const MOST_DETAILS: usize = 20;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Ok,
    NotChecked,
    Warning,
    Failure,
}

impl Outcome {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotChecked => "not checked",
            Self::Warning => "WARNING",
            Self::Failure => "FAILURE",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Check {
    name: String,
    outcome: Outcome,
    /// What was found.
    found: String,
    /// What it means for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    means: String,
    /// What to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    advice: String,
    /// Of which servers, shards, nodes or people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<String>,
}

impl Check {
    fn new(name: &str, outcome: Outcome, found: impl Into<String>) -> Self {
        let (name, found) = (name.to_owned(), found.into());
        Self { name, outcome, found, means: String::new(), advice: String::new(), details: Vec::new() }
    }

    /// As it should be.
    pub(super) fn ok(name: &str, found: impl Into<String>) -> Self {
        Self::new(name, Outcome::Ok, found)
    }

    /// Could not be looked at, and why.
    pub(super) fn not_checked(name: &str, found: impl Into<String>) -> Self {
        Self::new(name, Outcome::NotChecked, found)
    }

    /// It works, but somebody should know: what it means, what to do.
    pub(super) fn warning(name: &str, found: impl Into<String>, means: &str, advice: &str) -> Self {
        let (means, advice) = (means.to_owned(), advice.to_owned());
        Self { means, advice, ..Self::new(name, Outcome::Warning, found) }
    }

    /// People are shown wrongly or not served by it: what it means, what to do.
    pub(super) fn failure(name: &str, found: impl Into<String>, means: &str, advice: &str) -> Self {
        Self { outcome: Outcome::Failure, ..Self::warning(name, found, means, advice) }
    }

    /// With what it is about, one by one.
    #[must_use]
    pub(super) fn of(mut self, details: Vec<String>) -> Self {
        let more = details.len().saturating_sub(MOST_DETAILS);
        self.details = details.into_iter().take(MOST_DETAILS).collect();
        self.details.extend((more > 0).then(|| format!("and {more} more")));
        self
    }

    /// What several servers amount to: the worst of them, and where it is found.
    pub(super) fn of_servers(name: &str, verdicts: &[(&str, &Verdict)]) -> Self {
        let outcome = |verdict: &Verdict| match verdict.grade {
            Grade::Fine => Outcome::Ok,
            Grade::Unknown => Outcome::NotChecked,
            Grade::Unwise => Outcome::Warning,
            Grade::Unfit => Outcome::Failure,
        };
        let Some((_, worst)) = verdicts.iter().max_by_key(|(_, verdict)| outcome(verdict)) else {
            return Self::not_checked(name, "no server answered");
        };
        let check = Self {
            means: worst.means.to_owned(),
            advice: worst.advice.to_owned(),
            ..Self::new(name, outcome(worst), worst.found.clone())
        };
        match verdicts {
            [_] => check,
            several => {
                let said = several.iter().map(|(server, verdict)| format!("{server}: {}", verdict.found));
                check.of(said.collect())
            }
        }
    }
}

impl Display for Check {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<11}  {:<22}  {}", self.outcome.word(), self.name, self.found)?;
        for (word, text) in [("means", &self.means), ("do", &self.advice)] {
            if !text.is_empty() {
                writeln!(f, "{:13}{word}: {text}", "")?;
            }
        }
        self.details.iter().try_for_each(|detail| writeln!(f, "{:13}- {detail}", ""))
    }
}

/// So many of something: `1 warning`, `2 warnings`.
fn many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// All checks, in their order.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Report {
    healthy: bool,
    summary: String,
    checks: Vec<Check>,
}

impl Report {
    /// Of these checks.
    pub(super) fn of(checks: Vec<Check>) -> Self {
        let count = |outcome| checks.iter().filter(|check| check.outcome == outcome).count();
        let (failures, warnings) = (count(Outcome::Failure), count(Outcome::Warning));
        let verdict = match (failures, warnings) {
            (0, 0) => "healthy",
            (0, _) => "healthy, with something to look at",
            _ => "NOT healthy",
        };
        let summary = format!(
            "{verdict}: {} ok, {}, {}, {} not checked",
            count(Outcome::Ok),
            many(warnings, "warning"),
            many(failures, "failure"),
            count(Outcome::NotChecked)
        );
        Self { healthy: failures == 0, summary, checks }
    }

    /// Whether nothing failed.
    pub(super) const fn is_healthy(&self) -> bool {
        self.healthy
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.checks.iter().try_for_each(|check| check.fmt(f))?;
        writeln!(f, "{}", self.summary)
    }
}
