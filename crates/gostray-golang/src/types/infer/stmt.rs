//! Statements: what they declare.

use crate::ast::{DeclKind, ExprId, ExprKind, List, RangeStmt, SpecKind, StmtId, StmtKind};
use crate::package::ItemKind;
use crate::token::Token;
use crate::types::declared::Entry;
use crate::types::infer::Infer;
use crate::types::{Basic, Object, Type, TypeDecl};

impl Infer<'_> {
    /// A block, with a scope of its own.
    pub(super) fn block(&mut self, block: StmtId) {
        let StmtKind::Block(list) = self.scopes.ast()[block].kind else { return };
        self.scopes.open();
        self.stmts(list);
        self.scopes.close();
    }

    fn stmts(&mut self, list: List<StmtId>) {
        for stmt in self.scopes.ast().list(list) {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: StmtId) {
        let ast = self.scopes.ast();
        match ast[stmt].kind {
            StmtKind::Bad | StmtKind::Empty | StmtKind::Branch { .. } => {}
            StmtKind::Decl(decl) => self.decl(decl),
            StmtKind::Labeled { stmt, .. } => self.stmt(stmt),
            StmtKind::Expr(x) | StmtKind::IncDec { x, .. } | StmtKind::Go(x) | StmtKind::Defer(x) => {
                self.expr(x, None);
            }
            StmtKind::Send { channel, value } => {
                let ty = self.expr(channel, None);
                let wanted = match self.world().underlying(&ty) {
                    Type::Chan(_, element) => Some((*element).clone()),
                    _ => None,
                };
                self.expr(value, wanted.as_ref());
            }
            StmtKind::Assign { left, right, operator } => self.assign(left, right, operator),
            StmtKind::Return(results) => {
                let wanted = self.results.last().cloned().unwrap_or_default();
                for (at, result) in ast.list(results).enumerate() {
                    self.expr(result, wanted.get(at).filter(|_| wanted.len() == results.len()));
                }
            }
            StmtKind::Block(_) => self.block(stmt),
            StmtKind::If { init, condition, then, otherwise } => {
                self.scopes.open();
                init.into_iter().for_each(|init| self.stmt(init));
                self.expr(condition, None);
                self.block(then);
                otherwise.into_iter().for_each(|otherwise| self.stmt(otherwise));
                self.scopes.close();
            }
            StmtKind::Switch { init, tag, body } => {
                self.scopes.open();
                init.into_iter().for_each(|init| self.stmt(init));
                let wanted = tag.map(|tag| self.expr(tag, None));
                self.clauses(body, wanted.as_ref());
                self.scopes.close();
            }
            StmtKind::TypeSwitch { init, assign, body } => {
                self.scopes.open();
                init.into_iter().for_each(|init| self.stmt(init));
                self.type_switch(assign, body);
                self.scopes.close();
            }
            StmtKind::Select(body) => self.clauses(body, None),
            StmtKind::Case { .. } | StmtKind::Comm { .. } => {}
            StmtKind::For { init, condition, post, body } => {
                self.scopes.open();
                init.into_iter().for_each(|init| self.stmt(init));
                condition.into_iter().for_each(|condition| drop(self.expr(condition, None)));
                post.into_iter().for_each(|post| self.stmt(post));
                self.block(body);
                self.scopes.close();
            }
            StmtKind::Range(range) => self.range(range),
        }
    }

    /// The clauses of a `switch` or `select`.
    fn clauses(&mut self, body: StmtId, wanted: Option<&Type>) {
        let ast = self.scopes.ast();
        let StmtKind::Block(clauses) = ast[body].kind else { return };
        for clause in ast.list(clauses) {
            self.scopes.open();
            match ast[clause].kind {
                StmtKind::Case { values, body, .. } => {
                    ast.list(values).for_each(|value| drop(self.expr(value, wanted)));
                    self.stmts(body);
                }
                StmtKind::Comm { comm, body } => {
                    comm.into_iter().for_each(|comm| self.stmt(comm));
                    self.stmts(body);
                }
                _ => {}
            }
            self.scopes.close();
        }
    }

    fn type_switch(&mut self, assign: StmtId, body: StmtId) {
        let ast = self.scopes.ast();
        let (ident, guard) = match ast[assign].kind {
            StmtKind::Assign { left, right, .. } => (ast.at(left, 0), ast.at(right, 0)),
            StmtKind::Expr(guard) => (None, Some(guard)),
            _ => (None, None),
        };
        let Some(guard) = guard else { return };
        let ExprKind::TypeAssert { x, .. } = ast[guard].kind else { return };
        let ty = self.expr(x, None);
        let StmtKind::Block(clauses) = ast[body].kind else { return };
        for clause in ast.list(clauses) {
            let StmtKind::Case { values, body, .. } = ast[clause].kind else { continue };
            self.scopes.open();
            let types: Vec<Type> = ast
                .list(values)
                .map(|value| match self.scopes.as_type(value) {
                    Some(ty) => {
                        self.record(value, &ty);
                        ty
                    }
                    // `nil`, or a type of a package that is missing.
                    None => match self.expr(value, None) {
                        Type::Basic(Basic::UntypedNil) => ty.clone(),
                        _ => Type::Unknown,
                    },
                })
                .collect();
            if let Some(ident) = ident {
                let own = match types.as_slice() {
                    [one] => one.clone(),
                    _ => ty.clone(),
                };
                self.declare(ident, own);
            }
            self.stmts(body);
            self.scopes.close();
        }
    }

    fn assign(&mut self, left: List<ExprId>, right: List<ExprId>, operator: Token) {
        let ast = self.scopes.ast();
        let is_define = operator == Token::Define;
        let wanted: Vec<Type> = ast
            .list(left)
            .map(|place| match is_define {
                true => Type::Unknown,
                false => self.expr(place, None),
            })
            .collect();
        let types: Vec<Type> = if left.len() > 1 && right.len() == 1 {
            ast.at(right, 0).map(|value| self.values(value, left.len())).unwrap_or_default()
        } else {
            let values = ast.list(right).enumerate();
            values
                .map(|(at, value)| {
                    let hint = wanted.get(at).filter(|ty| !ty.is_unknown()).cloned();
                    self.expr(value, hint.as_ref())
                })
                .collect()
        };
        if !is_define {
            return;
        }
        for (at, place) in ast.list(left).enumerate() {
            let Some(name) = ast.name(place) else { continue };
            if self.scopes.is_declared_here(name) {
                self.expr(place, None);
            } else {
                self.declare(place, types.get(at).cloned().unwrap_or_default().defaulted());
            }
        }
    }

    fn decl(&mut self, decl: crate::ast::DeclId) {
        let ast = self.scopes.ast();
        let DeclKind::Gen(of) = ast[decl].kind else { return };
        if of.keyword == Token::Const {
            return self.constants(of.specs);
        }
        for spec in ast.list(of.specs) {
            match ast[spec].kind {
                SpecKind::Import { .. } => {}
                SpecKind::Type { name, ty, is_alias, parameters } => {
                    let decl = TypeDecl { file: self.scopes.file, spec };
                    let Some(text) = ast.name(name) else { continue };
                    let named = Type::named(decl);
                    let entry = |ty: &Type| Entry::new(Object::Type(ty.clone()), Type::Unknown);
                    if !is_alias {
                        self.scopes.declare(text, entry(&named));
                    }
                    self.scopes.open();
                    let parameters = parameters.map(|list| self.scopes.type_parameters(list)).unwrap_or_default();
                    let under = self.scopes.ty(ty);
                    self.scopes.close();
                    let tables = &self.world().tables;
                    tables.type_parameters.set(decl, parameters.into());
                    tables.underlying.set(decl, under.clone());
                    if is_alias {
                        self.scopes.declare(text, entry(&under));
                    }
                }
                SpecKind::Value { names, ty, values, .. } => {
                    let said = ty.map(|ty| self.ty(ty));
                    let types: Vec<Type> = if names.len() > 1 && values.len() == 1 {
                        ast.at(values, 0).map(|value| self.values(value, names.len())).unwrap_or_default()
                    } else {
                        ast.list(values).map(|value| self.expr(value, said.as_ref())).collect()
                    };
                    for (at, name) in ast.list(names).enumerate() {
                        let own = said.clone().or_else(|| types.get(at).cloned()).unwrap_or_default();
                        self.declare(name, own.defaulted());
                    }
                }
            }
        }
    }

    fn constants(&mut self, specs: List<crate::ast::SpecId>) {
        let ast = self.scopes.ast();
        let mut found = Vec::new();
        crate::package::declared(ast, specs, Token::Const, &mut |name, kind| found.push((name, kind)));
        // The names of one line are not known in it.
        let (mut line, mut entries) = (None, Vec::new());
        for (name, kind) in found {
            let ItemKind::Const { spec, values, at } = kind else { continue };
            if line.replace(spec) != Some(spec) {
                entries.drain(..).for_each(|(name, entry)| self.scopes.declare(name, entry));
            }
            let SpecKind::Value { iota, .. } = ast[spec].kind else { continue };
            let SpecKind::Value { ty, values, .. } = ast[values].kind else { continue };
            let value = ast.at(values, at as usize).and_then(|value| self.scopes.integer_at(value, iota));
            let own = match ty {
                Some(ty) => self.ty(ty),
                None => ast.at(values, at as usize).map(|value| self.expr(value, None)).unwrap_or_default(),
            };
            if let Some(text) = ast.name(name) {
                entries.push((text, Entry { object: Object::Const, ty: own, value }));
            }
        }
        entries.into_iter().for_each(|(name, entry)| self.scopes.declare(name, entry));
    }

    fn range(&mut self, range: RangeStmt) {
        let over = self.expr(range.x, None);
        let (key, value) = self.elements(&over);
        self.scopes.open();
        for (place, ty) in [(range.key, key), (range.value, value)] {
            let Some(place) = place else { continue };
            if range.is_define {
                self.declare(place, ty.defaulted());
            } else {
                self.expr(place, None);
            }
        }
        self.block(range.body);
        self.scopes.close();
    }

    /// What a loop over something gives each time.
    fn elements(&self, over: &Type) -> (Type, Type) {
        let int = Type::Basic(Basic::Int);
        let under = match self.world().underlying(over) {
            Type::Pointer(to) => self.world().underlying(&to),
            under => under,
        };
        match under {
            Type::Slice(element) | Type::Array(_, element) => (int, (*element).clone()),
            Type::Map(of) => (of.0.clone(), of.1.clone()),
            Type::Chan(_, element) => ((*element).clone(), Type::Unknown),
            Type::Basic(Basic::String | Basic::UntypedString) => (int, Type::Basic(Basic::Int32)),
            Type::Basic(_) => (over.clone().defaulted(), Type::Unknown),
            Type::Func(signature) => match signature.parameters.first() {
                Some(yields) => match self.world().underlying(yields) {
                    Type::Func(yields) => {
                        let parameter = |at: usize| yields.parameters.get(at).cloned().unwrap_or_default();
                        (parameter(0), parameter(1))
                    }
                    _ => (Type::Unknown, Type::Unknown),
                },
                None => (Type::Unknown, Type::Unknown),
            },
            _ => (Type::Unknown, Type::Unknown),
        }
    }
}
