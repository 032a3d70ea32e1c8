// Command types type-checks the packages of folders from source, and writes what go/types says of the
// expressions that matter for concurrency, one a line, for `cargo xtask oracle types` to compare with.
//
// It reads the JSON of `go list -deps -json` and the import paths of the packages to report on.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

type listed struct {
	ImportPath, Dir, Name string
	GoFiles, CgoFiles     []string
	ImportMap             map[string]string
	DepOnly               bool
}

type world struct {
	fset     *token.FileSet
	listed   map[string]*listed
	packages map[string]*types.Package
	out      *bufio.Writer
}

type importer struct {
	*world
	from *listed
}

func (i importer) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if mapped, ok := i.from.ImportMap[path]; ok {
		path = mapped
	}
	if known, ok := i.packages[path]; ok {
		return known, nil
	}
	l, ok := i.listed[path]
	if !ok {
		return nil, fmt.Errorf("no package %s", path)
	}
	return i.check(l), nil
}

func (w *world) check(l *listed) *types.Package {
	if known, ok := w.packages[l.ImportPath]; ok {
		return known
	}
	var files []*ast.File
	names := append(append([]string{}, l.GoFiles...), l.CgoFiles...)
	sort.Strings(names)
	for _, name := range names {
		file, err := parser.ParseFile(w.fset, filepath.Join(l.Dir, name), nil, parser.SkipObjectResolution)
		if file != nil && err == nil {
			files = append(files, file)
		}
	}
	info := &types.Info{
		Types:      map[ast.Expr]types.TypeAndValue{},
		Uses:       map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{},
	}
	if l.DepOnly {
		info = nil
	}
	config := types.Config{
		Importer: importer{w, l}, Error: func(error) {}, IgnoreFuncBodies: l.DepOnly, FakeImportC: true,
		Sizes: types.SizesFor("gc", "amd64"),
	}
	pkg, _ := config.Check(l.ImportPath, w.fset, files, info)
	w.packages[l.ImportPath] = pkg
	if info != nil {
		for _, file := range files {
			w.report(file, info)
		}
	}
	return pkg
}

// text writes a type as gostray does: aliases are what they stand for.
func text(t types.Type) string {
	list := func(tuple *types.Tuple) string {
		var parts []string
		for v := range tuple.Variables() {
			parts = append(parts, text(v.Type()))
		}
		return strings.Join(parts, ", ")
	}
	switch t := types.Unalias(t).(type) {
	case *types.Basic:
		switch t := types.Default(t).(*types.Basic); t.Kind() {
		case types.Uint8:
			return "uint8"
		case types.Int32:
			return "int32"
		default:
			return t.String()
		}
	case *types.Named:
		name := t.Obj().Name()
		if p := t.Obj().Pkg(); p != nil {
			name = p.Path() + "." + name
		}
		if t.TypeArgs().Len() > 0 {
			var parts []string
			for a := range t.TypeArgs().Types() {
				parts = append(parts, text(a))
			}
			name += "[" + strings.Join(parts, ", ") + "]"
		}
		return name
	case *types.TypeParam:
		return t.Obj().Name()
	case *types.Pointer:
		return "*" + text(t.Elem())
	case *types.Slice:
		return "[]" + text(t.Elem())
	case *types.Array:
		return fmt.Sprintf("[%d]%s", t.Len(), text(t.Elem()))
	case *types.Map:
		return "map[" + text(t.Key()) + "]" + text(t.Elem())
	case *types.Chan:
		return [...]string{"chan ", "chan<- ", "<-chan "}[t.Dir()] + text(t.Elem())
	case *types.Struct:
		var parts []string
		for f := range t.Fields() {
			parts = append(parts, f.Name()+" "+text(f.Type()))
		}
		return "struct{" + strings.Join(parts, "; ") + "}"
	case *types.Signature:
		s := "func(" + list(t.Params())
		if t.Variadic() {
			s += "..."
		}
		s += ")"
		if t.Results().Len() > 0 {
			s += " (" + list(t.Results()) + ")"
		}
		return s
	case *types.Interface:
		var names []string
		for m := range t.ExplicitMethods() {
			names = append(names, m.Name())
		}
		sort.Strings(names)
		return "interface{" + strings.Join(names, " ") + "}"
	case *types.Tuple:
		return "(" + list(t) + ")"
	}
	return t.String()
}

var methods = map[string]bool{"Lock": true, "Unlock": true, "RLock": true, "RUnlock": true, "Wait": true, "Add": true,
	"Done": true, "Signal": true, "Broadcast": true, "Go": true, "Close": true, "Stop": true, "Cancel": true,
	"Shutdown": true, "Err": true}

func (w *world) report(file *ast.File, info *types.Info) {
	of := w.fset.File(file.Package)
	path := of.Name()
	line := func(class string, e ast.Expr, t types.Type) {
		if t == nil || t == types.Typ[types.Invalid] || strings.Contains(t.String(), "invalid type") {
			return
		}
		fmt.Fprintf(w.out, "%s\t%s\t%d\t%d\t%s\n", path, class, int(e.Pos())-of.Base(), int(e.End())-of.Base(), text(t))
	}
	typed := func(class string, e ast.Expr) {
		if tv, ok := info.Types[e]; ok {
			line(class, e, tv.Type)
		}
	}
	callee := func(class string, e ast.Expr) {
		if tv, ok := info.Types[e]; ok && !tv.IsType() && !tv.IsBuiltin() {
			line(class, e, tv.Type)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SendStmt:
			typed("channel", n.Chan)
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				typed("channel", n.X)
			}
		case *ast.RangeStmt:
			typed("range", n.X)
		case *ast.GoStmt:
			callee("go", n.Call.Fun)
		case *ast.DeferStmt:
			callee("defer", n.Call.Fun)
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 {
				if tv := info.Types[n.Fun]; tv.IsBuiltin() && (id.Name == "close" || id.Name == "make") {
					typed(id.Name, n.Args[0])
				}
			}
			for _, arg := range n.Args {
				if tv, ok := info.Types[arg]; ok && tv.Type != nil && text(tv.Type) == "context.Context" {
					line("context", arg, tv.Type)
				}
			}
		case *ast.SelectorExpr:
			selection, ok := info.Selections[n]
			if !ok {
				break
			}
			if selection.Kind() == types.FieldVal {
				line("field", n, selection.Type())
			} else if methods[n.Sel.Name] {
				class := "method"
				recv := selection.Obj().(*types.Func).Signature().Recv().Type()
				fmt.Fprintf(w.out, "%s\t%s\t%d\t%d\t%s\n", path, class, int(n.Pos())-of.Base(), int(n.End())-of.Base(),
					strings.TrimPrefix(generic(recv), "*"))
			}
		}
		return true
	})
}

// generic is a type without its type arguments.
func generic(t types.Type) string {
	s := text(t)
	if i := strings.IndexByte(s, '['); i > 0 {
		s = s[:i]
	}
	if _, ok := types.Unalias(t).(*types.Interface); ok {
		return "interface"
	}
	return s
}

func main() {
	w := &world{
		fset: token.NewFileSet(), listed: map[string]*listed{}, packages: map[string]*types.Package{},
		out: bufio.NewWriterSize(os.Stdout, 1<<20),
	}
	defer w.out.Flush()
	var order []*listed
	decoder := json.NewDecoder(os.Stdin)
	for {
		var l listed
		if err := decoder.Decode(&l); err == io.EOF {
			break
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		w.listed[l.ImportPath] = &l
		order = append(order, &l)
	}
	for _, l := range order {
		if !l.DepOnly {
			w.check(l)
		}
	}
}
