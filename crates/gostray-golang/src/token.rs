//! The tokens of Go.

macro_rules! tokens {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A kind of token. What has no text of its own is named as `go/token` names it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Token { $($(#[$doc])* $name,)* }

        impl Token {
            /// How it is written, or named.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

tokens! {
    /// What is no token of Go.
    Illegal = "ILLEGAL",
    /// The end of the file.
    Eof = "EOF",
    /// An identifier.
    Ident = "IDENT",
    /// `12_000`
    Int = "INT",
    /// `1e9`
    Float = "FLOAT",
    /// `2i`
    Imag = "IMAG",
    /// `'x'`
    Char = "CHAR",
    /// `"x"`, or between backquotes
    String = "STRING",
    /// `+`
    Add = "+",
    /// `-`
    Sub = "-",
    /// `*`
    Mul = "*",
    /// `/`
    Quo = "/",
    /// `%`
    Rem = "%",
    /// `&`
    And = "&",
    /// `|`
    Or = "|",
    /// `^`
    Xor = "^",
    /// `<<`
    Shl = "<<",
    /// `>>`
    Shr = ">>",
    /// `&^`
    AndNot = "&^",
    /// `+=`
    AddAssign = "+=",
    /// `-=`
    SubAssign = "-=",
    /// `*=`
    MulAssign = "*=",
    /// `/=`
    QuoAssign = "/=",
    /// `%=`
    RemAssign = "%=",
    /// `&=`
    AndAssign = "&=",
    /// `|=`
    OrAssign = "|=",
    /// `^=`
    XorAssign = "^=",
    /// `<<=`
    ShlAssign = "<<=",
    /// `>>=`
    ShrAssign = ">>=",
    /// `&^=`
    AndNotAssign = "&^=",
    /// `&&`
    LogicalAnd = "&&",
    /// `||`
    LogicalOr = "||",
    /// `<-`
    Arrow = "<-",
    /// `++`
    Inc = "++",
    /// `--`
    Dec = "--",
    /// `==`
    Equal = "==",
    /// `<`
    Less = "<",
    /// `>`
    Greater = ">",
    /// `=`
    Assign = "=",
    /// `!`
    Not = "!",
    /// `~`
    Tilde = "~",
    /// `!=`
    NotEqual = "!=",
    /// `<=`
    LessEqual = "<=",
    /// `>=`
    GreaterEqual = ">=",
    /// `:=`
    Define = ":=",
    /// `...`
    Ellipsis = "...",
    /// `(`
    ParenOpen = "(",
    /// `[`
    BracketOpen = "[",
    /// `{`
    BraceOpen = "{",
    /// `,`
    Comma = ",",
    /// `.`
    Period = ".",
    /// `)`
    ParenClose = ")",
    /// `]`
    BracketClose = "]",
    /// `}`
    BraceClose = "}",
    /// `;`, written or meant by a newline
    Semicolon = ";",
    /// `:`
    Colon = ":",
    /// `break`
    Break = "break",
    /// `case`
    Case = "case",
    /// `chan`
    Chan = "chan",
    /// `const`
    Const = "const",
    /// `continue`
    Continue = "continue",
    /// `default`
    Default = "default",
    /// `defer`
    Defer = "defer",
    /// `else`
    Else = "else",
    /// `fallthrough`
    Fallthrough = "fallthrough",
    /// `for`
    For = "for",
    /// `func`
    Func = "func",
    /// `go`
    Go = "go",
    /// `goto`
    Goto = "goto",
    /// `if`
    If = "if",
    /// `import`
    Import = "import",
    /// `interface`
    Interface = "interface",
    /// `map`
    Map = "map",
    /// `package`
    Package = "package",
    /// `range`
    Range = "range",
    /// `return`
    Return = "return",
    /// `select`
    Select = "select",
    /// `struct`
    Struct = "struct",
    /// `switch`
    Switch = "switch",
    /// `type`
    Type = "type",
    /// `var`
    Var = "var",
}

impl Token {
    /// The keyword with this text.
    pub(crate) fn keyword(text: &[u8]) -> Option<Self> {
        Some(match text {
            b"break" => Self::Break,
            b"case" => Self::Case,
            b"chan" => Self::Chan,
            b"const" => Self::Const,
            b"continue" => Self::Continue,
            b"default" => Self::Default,
            b"defer" => Self::Defer,
            b"else" => Self::Else,
            b"fallthrough" => Self::Fallthrough,
            b"for" => Self::For,
            b"func" => Self::Func,
            b"go" => Self::Go,
            b"goto" => Self::Goto,
            b"if" => Self::If,
            b"import" => Self::Import,
            b"interface" => Self::Interface,
            b"map" => Self::Map,
            b"package" => Self::Package,
            b"range" => Self::Range,
            b"return" => Self::Return,
            b"select" => Self::Select,
            b"struct" => Self::Struct,
            b"switch" => Self::Switch,
            b"type" => Self::Type,
            b"var" => Self::Var,
            _ => return None,
        })
    }

    /// Is it a literal, or an identifier?
    pub(crate) fn is_literal(self) -> bool {
        matches!(self, Self::Ident | Self::Int | Self::Float | Self::Imag | Self::Char | Self::String)
    }

    /// How tightly it binds as a binary operator; 0 for none.
    pub(crate) fn precedence(self) -> u8 {
        match self {
            Self::LogicalOr => 1,
            Self::LogicalAnd => 2,
            Self::Equal | Self::NotEqual | Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual => 3,
            Self::Add | Self::Sub | Self::Or | Self::Xor => 4,
            Self::Mul | Self::Quo | Self::Rem | Self::Shl | Self::Shr | Self::And | Self::AndNot => 5,
            _ => 0,
        }
    }

    /// The operator of an assignment such as `+=`.
    #[must_use]
    pub fn of_assignment(self) -> Option<Self> {
        Some(match self {
            Self::AddAssign => Self::Add,
            Self::SubAssign => Self::Sub,
            Self::MulAssign => Self::Mul,
            Self::QuoAssign => Self::Quo,
            Self::RemAssign => Self::Rem,
            Self::AndAssign => Self::And,
            Self::OrAssign => Self::Or,
            Self::XorAssign => Self::Xor,
            Self::ShlAssign => Self::Shl,
            Self::ShrAssign => Self::Shr,
            Self::AndNotAssign => Self::AndNot,
            _ => return None,
        })
    }
}
