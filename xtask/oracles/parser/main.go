// Command parser reads the paths of Go files and writes what go/parser makes of each, in binary, for
// `cargo xtask oracle parser` to compare with.
package main

import (
	"bufio"
	"encoding/binary"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"os"
	"strings"
)

// The kinds of nodes; xtask/src/oracle/parser.rs has the same list.
var kinds = []string{
	"", "BadExpr", "Ident", "BasicLit", "CompositeLit", "FuncLit", "ParenExpr", "SelectorExpr", "IndexExpr",
	"IndexListExpr", "SliceExpr", "TypeAssertExpr", "CallExpr", "StarExpr", "UnaryExpr", "BinaryExpr",
	"KeyValueExpr", "ArrayType", "StructType", "FuncType", "InterfaceType", "MapType", "ChanType", "Ellipsis",
	"BadStmt", "EmptyStmt", "DeclStmt", "LabeledStmt", "ExprStmt", "SendStmt", "IncDecStmt", "AssignStmt",
	"GoStmt", "DeferStmt", "ReturnStmt", "BranchStmt", "BlockStmt", "IfStmt", "CaseClause", "SwitchStmt",
	"TypeSwitchStmt", "CommClause", "SelectStmt", "ForStmt", "RangeStmt", "BadDecl", "FuncDecl", "GenDecl",
	"ImportSpec", "ValueSpec", "TypeSpec", "FieldList", "Field",
}

var numbers = map[string]byte{}

// detail is what a node says beyond its kind and its parts.
func detail(node ast.Node) (kind, text string) {
	switch n := node.(type) {
	case *ast.BadExpr:
		return "BadExpr", ""
	case *ast.Ident:
		return "Ident", n.Name
	case *ast.BasicLit:
		return "BasicLit", n.Kind.String()
	case *ast.CompositeLit:
		return "CompositeLit", ""
	case *ast.FuncLit:
		return "FuncLit", ""
	case *ast.ParenExpr:
		return "ParenExpr", ""
	case *ast.SelectorExpr:
		return "SelectorExpr", ""
	case *ast.IndexExpr:
		return "IndexExpr", ""
	case *ast.IndexListExpr:
		return "IndexListExpr", ""
	case *ast.SliceExpr:
		return "SliceExpr", ""
	case *ast.TypeAssertExpr:
		return "TypeAssertExpr", ""
	case *ast.CallExpr:
		if n.Ellipsis.IsValid() {
			return "CallExpr", "..."
		}
		return "CallExpr", ""
	case *ast.StarExpr:
		return "StarExpr", ""
	case *ast.UnaryExpr:
		return "UnaryExpr", n.Op.String()
	case *ast.BinaryExpr:
		return "BinaryExpr", n.Op.String()
	case *ast.KeyValueExpr:
		return "KeyValueExpr", ""
	case *ast.ArrayType:
		return "ArrayType", ""
	case *ast.StructType:
		return "StructType", ""
	case *ast.FuncType:
		return "FuncType", ""
	case *ast.InterfaceType:
		return "InterfaceType", ""
	case *ast.MapType:
		return "MapType", ""
	case *ast.ChanType:
		return "ChanType", [...]string{"", "Send", "Receive", "Both"}[n.Dir]
	case *ast.Ellipsis:
		return "Ellipsis", ""
	case *ast.BadStmt:
		return "BadStmt", ""
	case *ast.EmptyStmt:
		return "EmptyStmt", ""
	case *ast.DeclStmt:
		return "DeclStmt", ""
	case *ast.LabeledStmt:
		return "LabeledStmt", ""
	case *ast.ExprStmt:
		return "ExprStmt", ""
	case *ast.SendStmt:
		return "SendStmt", ""
	case *ast.IncDecStmt:
		return "IncDecStmt", n.Tok.String()
	case *ast.AssignStmt:
		return "AssignStmt", n.Tok.String()
	case *ast.GoStmt:
		return "GoStmt", ""
	case *ast.DeferStmt:
		return "DeferStmt", ""
	case *ast.ReturnStmt:
		return "ReturnStmt", ""
	case *ast.BranchStmt:
		return "BranchStmt", n.Tok.String()
	case *ast.BlockStmt:
		return "BlockStmt", ""
	case *ast.IfStmt:
		return "IfStmt", ""
	case *ast.CaseClause:
		return "CaseClause", ""
	case *ast.SwitchStmt:
		return "SwitchStmt", ""
	case *ast.TypeSwitchStmt:
		return "TypeSwitchStmt", ""
	case *ast.CommClause:
		return "CommClause", ""
	case *ast.SelectStmt:
		return "SelectStmt", ""
	case *ast.ForStmt:
		return "ForStmt", ""
	case *ast.RangeStmt:
		if n.Tok == token.DEFINE {
			return "RangeStmt", ":="
		}
		return "RangeStmt", ""
	case *ast.BadDecl:
		return "BadDecl", ""
	case *ast.FuncDecl:
		return "FuncDecl", ""
	case *ast.GenDecl:
		return "GenDecl", n.Tok.String()
	case *ast.ImportSpec:
		return "ImportSpec", ""
	case *ast.ValueSpec:
		return "ValueSpec", ""
	case *ast.TypeSpec:
		if n.Assign.IsValid() {
			return "TypeSpec", "="
		}
		return "TypeSpec", ""
	case *ast.FieldList:
		return "FieldList", ""
	case *ast.Field:
		return "Field", ""
	}
	return "", ""
}

// hash is FNV-1a.
func hash(text string) uint32 {
	h := uint32(2166136261)
	for i := 0; i < len(text); i++ {
		h = (h ^ uint32(text[i])) * 16777619
	}
	return h
}

func main() {
	for i, kind := range kinds {
		numbers[kind] = byte(i)
	}
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	defer out.Flush()
	put := func(numbers ...uint32) {
		var b [4]byte
		for _, n := range numbers {
			binary.LittleEndian.PutUint32(b[:], n)
			out.Write(b[:])
		}
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		path := lines.Text()
		src, err := os.ReadFile(path)
		if err != nil {
			src = nil
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, src, parser.ParseComments|parser.SkipObjectResolution|parser.AllErrors)
		if err != nil {
			first := uint32(1<<32 - 1)
			if list, ok := err.(scanner.ErrorList); ok {
				for _, e := range list {
					first = min(first, uint32(e.Pos.Offset))
				}
			}
			out.WriteByte(1)
			put(first)
			continue
		}
		out.WriteByte(0)
		of := fset.File(file.Package)
		at := func(pos token.Pos) uint32 { return uint32(int(pos) - of.Base()) }
		depth := uint32(0)
		ast.Inspect(file, func(node ast.Node) bool {
			if node == nil {
				depth--
				return true
			}
			switch node.(type) {
			case *ast.CommentGroup, *ast.Comment:
				return false
			case *ast.File:
			default:
				kind, text := detail(node)
				out.WriteByte(numbers[kind])
				put(depth, at(node.Pos()), at(node.End()), hash(text))
			}
			depth++
			return true
		})
		out.WriteByte(0)
		count := 0
		for _, group := range file.Comments {
			count += len(group.List)
		}
		put(uint32(count))
		for _, group := range file.Comments {
			for _, comment := range group.List {
				// Carriage returns are left out of the text.
				put(at(comment.Pos()), hash(strings.TrimSpace(comment.Text)))
			}
		}
	}
}
