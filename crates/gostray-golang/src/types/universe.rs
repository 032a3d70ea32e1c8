//! What every Go program knows without declaring it.

use crate::name::Name;
use crate::types::{Object, Type};

macro_rules! basics {
    ($($name:ident = $text:literal,)*) => {
        /// A type of the language; those of constants without type are among them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "their names say it")]
        pub enum Basic { $($name,)* }

        impl Basic {
            /// How it is written, or what go/types calls it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

basics! {
    Bool = "bool",
    Int = "int",
    Int8 = "int8",
    Int16 = "int16",
    Int32 = "int32",
    Int64 = "int64",
    Uint = "uint",
    Uint8 = "uint8",
    Uint16 = "uint16",
    Uint32 = "uint32",
    Uint64 = "uint64",
    Uintptr = "uintptr",
    Float32 = "float32",
    Float64 = "float64",
    Complex64 = "complex64",
    Complex128 = "complex128",
    String = "string",
    UnsafePointer = "unsafe.Pointer",
    UntypedBool = "untyped bool",
    UntypedInt = "untyped int",
    UntypedRune = "untyped rune",
    UntypedFloat = "untyped float",
    UntypedComplex = "untyped complex",
    UntypedString = "untyped string",
    UntypedNil = "untyped nil",
}

impl Basic {
    /// The type that a constant without type gets where none is asked for.
    #[must_use]
    pub fn defaulted(self) -> Self {
        match self {
            Self::UntypedBool => Self::Bool,
            Self::UntypedInt => Self::Int,
            Self::UntypedRune => Self::Int32,
            Self::UntypedFloat => Self::Float64,
            Self::UntypedComplex => Self::Complex128,
            Self::UntypedString => Self::String,
            other => other,
        }
    }

    /// Is it that of a constant without type?
    #[must_use]
    pub fn is_untyped(self) -> bool {
        self as u8 >= Self::UntypedBool as u8
    }
}

/// A function of the language, or of package unsafe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "their names say it")]
pub enum Builtin {
    Append,
    Cap,
    Clear,
    Close,
    Complex,
    Copy,
    Delete,
    Imag,
    Len,
    Make,
    Max,
    Min,
    New,
    Panic,
    Print,
    Println,
    Real,
    Recover,
    /// Those of package unsafe that give a size or an offset.
    UnsafeSize,
    /// `unsafe.Add`
    UnsafeAdd,
    /// `unsafe.Slice`
    UnsafeSlice,
    /// `unsafe.SliceData`
    UnsafeSliceData,
    /// `unsafe.String`
    UnsafeString,
    /// `unsafe.StringData`
    UnsafeStringData,
}

/// What a name means that nobody declares.
pub(super) fn universe(name: Name) -> Option<Object> {
    let text = name.as_str();
    let basic = Basic::ALL.iter().take_while(|basic| **basic != Basic::UnsafePointer).find(|b| b.name() == text);
    if let Some(basic) = basic {
        return Some(Object::Type(Type::Basic(*basic)));
    }
    Some(match text {
        "byte" => Object::Type(Type::Basic(Basic::Uint8)),
        "rune" => Object::Type(Type::Basic(Basic::Int32)),
        "any" => Object::Type(Type::any()),
        "error" => Object::Type(Type::Error),
        "comparable" => Object::Type(Type::Comparable),
        "true" | "false" | "iota" => Object::Const,
        "nil" => Object::Nil,
        "append" => Object::Builtin(Builtin::Append),
        "cap" => Object::Builtin(Builtin::Cap),
        "clear" => Object::Builtin(Builtin::Clear),
        "close" => Object::Builtin(Builtin::Close),
        "complex" => Object::Builtin(Builtin::Complex),
        "copy" => Object::Builtin(Builtin::Copy),
        "delete" => Object::Builtin(Builtin::Delete),
        "imag" => Object::Builtin(Builtin::Imag),
        "len" => Object::Builtin(Builtin::Len),
        "make" => Object::Builtin(Builtin::Make),
        "max" => Object::Builtin(Builtin::Max),
        "min" => Object::Builtin(Builtin::Min),
        "new" => Object::Builtin(Builtin::New),
        "panic" => Object::Builtin(Builtin::Panic),
        "print" => Object::Builtin(Builtin::Print),
        "println" => Object::Builtin(Builtin::Println),
        "real" => Object::Builtin(Builtin::Real),
        "recover" => Object::Builtin(Builtin::Recover),
        _ => return None,
    })
}

/// What package unsafe has, which its source does not tell.
pub(super) fn of_unsafe(name: Name) -> Option<Object> {
    Some(match name.as_str() {
        "Pointer" => Object::Type(Type::Basic(Basic::UnsafePointer)),
        "Sizeof" | "Alignof" | "Offsetof" => Object::Builtin(Builtin::UnsafeSize),
        "Add" => Object::Builtin(Builtin::UnsafeAdd),
        "Slice" => Object::Builtin(Builtin::UnsafeSlice),
        "SliceData" => Object::Builtin(Builtin::UnsafeSliceData),
        "String" => Object::Builtin(Builtin::UnsafeString),
        "StringData" => Object::Builtin(Builtin::UnsafeStringData),
        _ => return None,
    })
}
