//! `//go:build linux && !cgo`, and the older `// +build linux,!cgo`.

/// An expression of tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    /// It holds.
    Tag(String),
    /// It does not.
    Not(Box<Self>),
    /// Both do.
    And(Box<Self>, Box<Self>),
    /// One does.
    Or(Box<Self>, Box<Self>),
}

/// Deeper nesting is no constraint that anyone wrote.
const MAX_NESTING: u32 = 1000;

struct Parser<'t> {
    rest: &'t str,
    nesting: u32,
}

impl Constraint {
    /// What stands behind `//go:build`; `None` if it is no expression.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser { rest: text.trim(), nesting: 0 };
        let constraint = parser.or()?;
        parser.rest.is_empty().then_some(constraint)
    }

    /// What stands behind `// +build`: words of which one holds, their parts, between commas, all do.
    #[must_use]
    pub fn parse_plus_build(text: &str) -> Option<Self> {
        let term = |term: &str| {
            let (is_negated, tag) = term.strip_prefix('!').map_or((false, term), |tag| (true, tag));
            // What can be no tag holds nowhere.
            let is_tag = !tag.is_empty() && tag.chars().all(is_tag_character);
            let tag = Self::Tag(if is_tag { tag.to_owned() } else { "ignore".to_owned() });
            if is_negated && is_tag { Self::Not(Box::new(tag)) } else { tag }
        };
        let both = |left, right| Self::And(Box::new(left), Box::new(right));
        let either = |left, right| Self::Or(Box::new(left), Box::new(right));
        let words = text.split_whitespace().filter_map(|word| word.split(',').map(term).reduce(both));
        Some(words.reduce(either).unwrap_or(Self::Tag("ignore".to_owned())))
    }

    /// Does it hold?
    pub fn holds(&self, has: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Tag(tag) => has(tag),
            Self::Not(inner) => !inner.holds(has),
            Self::And(left, right) => left.holds(has) && right.holds(has),
            Self::Or(left, right) => left.holds(has) || right.holds(has),
        }
    }
}

fn is_tag_character(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '.'
}

impl Parser<'_> {
    fn take(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn or(&mut self) -> Option<Constraint> {
        let mut left = self.and()?;
        while self.take("||") {
            left = Constraint::Or(Box::new(left), Box::new(self.and()?));
        }
        Some(left)
    }

    fn and(&mut self) -> Option<Constraint> {
        let mut left = self.not()?;
        while self.take("&&") {
            left = Constraint::And(Box::new(left), Box::new(self.not()?));
        }
        Some(left)
    }

    fn not(&mut self) -> Option<Constraint> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return None;
        }
        if self.take("!") {
            // Twice is an error.
            return (!self.rest.starts_with('!')).then(|| Some(Constraint::Not(Box::new(self.not()?)))).flatten();
        }
        if self.take("(") {
            let inner = self.or()?;
            return self.take(")").then_some(inner);
        }
        let length = self.rest.find(|character| !is_tag_character(character)).unwrap_or(self.rest.len());
        let (tag, rest) = self.rest.split_at(length);
        self.rest = rest.trim_start();
        (!tag.is_empty()).then(|| Constraint::Tag(tag.to_owned()))
    }
}
