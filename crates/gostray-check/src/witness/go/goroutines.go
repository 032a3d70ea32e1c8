package witness

// The goroutines that are there, from their stacks.

import (
	gostrayReflect "reflect"
	gostrayRuntime "runtime"
	gostraySort "sort"
	gostrayStrings "strings"
)

type gostrayGoroutine struct {
	state    string // without how long
	function string // the innermost that is not the runtime's or the standard library's wait
	created  string
	stack    string
}

// Goroutines of one kind that are left.
type gostrayLeft struct {
	Count    int
	State    string
	Function string
	Call     bool // it is the call itself, which does not return
}

// All but the one that asks, by number.
func gostrayGoroutines() map[string]gostrayGoroutine {
	size := 1 << 20
	text := make([]byte, size)
	for {
		n := gostrayRuntime.Stack(text, true)
		if n < len(text) {
			text = text[:n]
			break
		}
		text = make([]byte, 2*len(text))
	}
	all := map[string]gostrayGoroutine{}
	for at, stack := range gostrayStrings.Split(string(text), "\n\n") {
		lines := gostrayStrings.Split(stack, "\n")
		open := gostrayStrings.Index(lines[0], " [")
		if at == 0 || open < 0 {
			continue
		}
		header := lines[0][open+2:]
		if end := gostrayStrings.Index(header, "]"); end >= 0 {
			header = header[:end]
		}
		goroutine := gostrayGoroutine{stack: stack}
		goroutine.state = gostrayStrings.TrimSuffix(gostrayStrings.Split(header, ",")[0], " (durable)")
		for _, line := range lines[1:] {
			if gostrayStrings.HasPrefix(line, "\t") {
				continue
			}
			if gostrayStrings.HasPrefix(line, "created by ") {
				goroutine.created = gostrayStrings.Split(gostrayStrings.TrimPrefix(line, "created by "), " in goroutine")[0]
				break
			}
			name := line
			if end := gostrayStrings.LastIndex(name, "("); end > 0 {
				name = name[:end]
			}
			if goroutine.function == "" || gostrayIsWait(goroutine.function) {
				goroutine.function = name
			}
		}
		all[lines[0][:open]] = goroutine
	}
	return all
}

func gostrayIsWait(function string) bool {
	for _, prefix := range []string{"runtime.", "internal/", "sync.", "time.", "runtime/", "syscall."} {
		if gostrayStrings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}

// Those that were not there before. A server of ours that waits for its client is none, and neither is what the
// standard library starts once and for all.
func gostrayNew(before map[string]gostrayGoroutine) []gostrayGoroutine {
	var left []gostrayGoroutine
	for number, goroutine := range gostrayGoroutines() {
		_, known := before[number]
		isServer := goroutine.state == "IO wait" && gostrayStrings.Contains(goroutine.stack, "net/http.(*conn")
		isServer = isServer || gostrayStrings.Contains(goroutine.stack, "net/http.(*connReader).backgroundRead")
		isOnce := gostrayStrings.Contains(goroutine.stack, "os/signal.loop(")
		if !known && !isServer && !isOnce {
			left = append(left, goroutine)
		}
	}
	return left
}

// Nothing but waiting for others: those that sleep, run, or wait for the network may still end.
func gostrayIsBlocked(state string) bool {
	for _, prefix := range []string{"chan ", "select", "sync.", "semacquire"} {
		if gostrayStrings.HasPrefix(state, prefix) {
			return true
		}
	}
	return false
}

func gostrayKinds(goroutines []gostrayGoroutine) []gostrayLeft {
	own := gostrayReflect.TypeOf(gostrayLeft{}).PkgPath() + "."
	counts := map[gostrayLeft]int{}
	for _, goroutine := range goroutines {
		counts[gostrayLeft{
			State:    goroutine.state,
			Function: gostrayStrings.TrimPrefix(goroutine.function, own),
			Call:     goroutine.created == own+"gostrayCall",
		}]++
	}
	var kinds []gostrayLeft
	for kind, count := range counts {
		kind.Count = count
		kinds = append(kinds, kind)
	}
	gostraySort.Slice(kinds, func(i, j int) bool {
		return kinds[i].Function+kinds[i].State < kinds[j].Function+kinds[j].State
	})
	return kinds
}
