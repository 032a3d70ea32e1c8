//! Walking over the tree, in the order of `go/ast`.

use crate::ast::{
    Ast, Body, DeclId, DeclKind, ExprId, ExprKind, FieldId, FieldList, File, RangeStmt, SignatureId, SpecId, SpecKind,
    StmtId, StmtKind,
};
use crate::source::Span;

/// A node of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// An expression or a type.
    Expr(ExprId),
    /// A statement.
    Stmt(StmtId),
    /// A declaration.
    Decl(DeclId),
    /// A part of one.
    Spec(SpecId),
    /// Fields with what stands around them.
    Fields(FieldList),
    /// One of them.
    Field(FieldId),
    /// The type of a declared function, from its keyword on.
    Signature(SignatureId, Span),
}

impl PartialEq for FieldList {
    fn eq(&self, other: &Self) -> bool {
        self.span == other.span
    }
}

impl Eq for FieldList {}

/// What is to be done below a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// Go on with its parts.
    Into,
    /// Leave them out.
    Over,
}

impl File {
    /// Visits every node of the file, each before its parts, at its depth.
    pub fn walk(&self, visit: &mut impl FnMut(Node, u32) -> Walk) {
        self.ast.walk(Node::Expr(self.name), 1, visit);
        for decl in &self.decls {
            self.ast.walk(Node::Decl(*decl), 1, visit);
        }
    }
}

impl Ast {
    /// Visits a node and its parts.
    pub fn walk(&self, node: Node, depth: u32, visit: &mut impl FnMut(Node, u32) -> Walk) {
        if visit(node, depth) == Walk::Into {
            self.for_each_child(node, &mut |child| self.walk(child, depth + 1, visit));
        }
    }

    /// Where a node stands.
    #[must_use]
    pub fn span_of(&self, node: Node) -> Span {
        match node {
            Node::Expr(expr) => self[expr].span,
            Node::Stmt(stmt) => self[stmt].span,
            Node::Decl(decl) => self[decl].span,
            Node::Spec(spec) => self[spec].span,
            Node::Fields(fields) => fields.span,
            Node::Field(field) => self[field].span,
            Node::Signature(_, span) => span,
        }
    }

    /// The parts of a node, in order.
    pub fn for_each_child(&self, node: Node, visit: &mut impl FnMut(Node)) {
        match node {
            Node::Expr(expr) => self.children_of_expr(expr, visit),
            Node::Stmt(stmt) => self.children_of_stmt(stmt, visit),
            Node::Decl(decl) => match self[decl].kind {
                DeclKind::Bad => {}
                DeclKind::Gen(of) => self.list(of.specs).for_each(|spec| visit(Node::Spec(spec))),
                DeclKind::Func(function) => {
                    function.receiver.into_iter().for_each(|fields| visit(Node::Fields(fields)));
                    visit(Node::Expr(function.name));
                    let signature = self[function.signature];
                    let end = signature.results.map_or(signature.parameters.span.end, |results| results.span.end);
                    let span = Span { start: self[decl].span.start, end };
                    visit(Node::Signature(function.signature, span));
                    if let Body::Block(block) = function.body {
                        visit(Node::Stmt(block));
                    }
                }
            },
            Node::Spec(spec) => match self[spec].kind {
                SpecKind::Import { name, path } => {
                    name.into_iter().chain([path]).for_each(|expr| visit(Node::Expr(expr)));
                }
                SpecKind::Value { names, ty, values, .. } => {
                    self.list(names).chain(ty).chain(self.list(values)).for_each(|expr| visit(Node::Expr(expr)));
                }
                SpecKind::Type { name, parameters, ty, .. } => {
                    visit(Node::Expr(name));
                    parameters.into_iter().for_each(|fields| visit(Node::Fields(fields)));
                    visit(Node::Expr(ty));
                }
            },
            Node::Fields(fields) => self.list(fields.fields).for_each(|field| visit(Node::Field(field))),
            Node::Field(field) => {
                let field = self[field];
                self.list(field.names).chain([field.ty]).chain(field.tag).for_each(|expr| visit(Node::Expr(expr)));
            }
            Node::Signature(signature, _) => self.children_of_signature(signature, visit),
        }
    }

    fn children_of_signature(&self, signature: SignatureId, visit: &mut impl FnMut(Node)) {
        let signature = self[signature];
        let lists = signature.type_parameters.into_iter().chain([signature.parameters]).chain(signature.results);
        lists.for_each(|fields| visit(Node::Fields(fields)));
    }

    fn children_of_expr(&self, expr: ExprId, visit: &mut impl FnMut(Node)) {
        let mut each = |expr: ExprId| visit(Node::Expr(expr));
        match self[expr].kind {
            ExprKind::Bad | ExprKind::Ident(_) | ExprKind::Literal(_) => {}
            ExprKind::Composite { ty, elements, .. } => ty.into_iter().chain(self.list(elements)).for_each(each),
            ExprKind::Func { ty, body } => {
                each(ty);
                visit(Node::Stmt(body));
            }
            ExprKind::Paren(x) | ExprKind::Star(x) | ExprKind::Unary { x, .. } => each(x),
            ExprKind::Selector { x, selected } => [x, selected].into_iter().for_each(each),
            ExprKind::Index { x, indices } => std::iter::once(x).chain(self.list(indices)).for_each(each),
            ExprKind::Slice { x, low, high, max } => {
                std::iter::once(x).chain(low).chain(high).chain(max).for_each(each);
            }
            ExprKind::TypeAssert { x, ty } => std::iter::once(x).chain(ty).for_each(each),
            ExprKind::Call { function, arguments, .. } => {
                std::iter::once(function).chain(self.list(arguments)).for_each(each);
            }
            ExprKind::Binary { x, y, .. } => [x, y].into_iter().for_each(each),
            ExprKind::KeyValue { key, value } | ExprKind::Map { key, value } => {
                [key, value].into_iter().for_each(each);
            }
            ExprKind::Array { length, element } => length.into_iter().chain([element]).for_each(each),
            ExprKind::Struct(fields) | ExprKind::Interface(fields) => visit(Node::Fields(fields)),
            ExprKind::FuncType(signature) => self.children_of_signature(signature, visit),
            ExprKind::Chan { element, .. } => each(element),
            ExprKind::Ellipsis(element) => element.into_iter().for_each(each),
        }
    }

    fn children_of_stmt(&self, stmt: StmtId, visit: &mut impl FnMut(Node)) {
        let (expr, nested) = (Node::Expr, Node::Stmt);
        match self[stmt].kind {
            StmtKind::Bad | StmtKind::Empty => {}
            StmtKind::Decl(decl) => visit(Node::Decl(decl)),
            StmtKind::Labeled { label, stmt } => [expr(label), nested(stmt)].into_iter().for_each(visit),
            StmtKind::Expr(x) | StmtKind::IncDec { x, .. } | StmtKind::Go(x) | StmtKind::Defer(x) => visit(expr(x)),
            StmtKind::Send { channel, value } => [expr(channel), expr(value)].into_iter().for_each(visit),
            StmtKind::Assign { left, right, .. } => {
                self.list(left).chain(self.list(right)).map(expr).for_each(visit);
            }
            StmtKind::Return(results) => self.list(results).map(expr).for_each(visit),
            StmtKind::Branch { label, .. } => label.into_iter().map(expr).for_each(visit),
            StmtKind::Block(list) => self.list(list).map(nested).for_each(visit),
            StmtKind::If { init, condition, then, otherwise } => init
                .into_iter()
                .map(nested)
                .chain([expr(condition), nested(then)])
                .chain(otherwise.map(nested))
                .for_each(visit),
            StmtKind::Case { values, body, .. } => {
                self.list(values).map(expr).chain(self.list(body).map(nested)).for_each(visit);
            }
            StmtKind::Switch { init, tag, body } => {
                init.into_iter().map(nested).chain(tag.map(expr)).chain([nested(body)]).for_each(visit);
            }
            StmtKind::TypeSwitch { init, assign, body } => {
                init.into_iter().chain([assign, body]).map(nested).for_each(visit);
            }
            StmtKind::Comm { comm, body } => comm.into_iter().chain(self.list(body)).map(nested).for_each(visit),
            StmtKind::Select(body) => visit(nested(body)),
            StmtKind::For { init, condition, post, body } => init
                .into_iter()
                .map(nested)
                .chain(condition.map(expr))
                .chain(post.into_iter().chain([body]).map(nested))
                .for_each(visit),
            StmtKind::Range(RangeStmt { key, value, x, body, .. }) => {
                key.into_iter().chain(value).chain([x]).map(expr).chain([nested(body)]).for_each(visit);
            }
        }
    }
}
