// Command speed parses the files that a file lists, and prints how many nanoseconds that took.
package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"time"
)

func main() {
	list, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	var sources [][]byte
	for _, path := range strings.Split(string(list), "\n") {
		source, err := os.ReadFile(path)
		if err != nil {
			panic(err)
		}
		sources = append(sources, source)
	}
	start := time.Now()
	for _, source := range sources {
		parser.ParseFile(token.NewFileSet(), "", source, parser.ParseComments|parser.SkipObjectResolution)
	}
	fmt.Println(time.Since(start).Nanoseconds())
}
