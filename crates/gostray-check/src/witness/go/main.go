package witness

// One call of a function, with made-up arguments, and what is left of it. Each case is a process of its own: what
// crashes or hangs takes no other with it. What is said goes to a file, as the function may print.

import (
	gostrayJSON "encoding/json"
	gostrayFmt "fmt"
	gostrayOS "os"
	gostrayReflect "reflect"
	gostrayStrings "strings"
	gostrayTesting "testing"
)

// What to do.
type gostrayOrder struct {
	Target  int
	Case    int
	Calls   int    // one after the other, with the same arguments
	Runs    int    // each with new arguments
	Virtual bool   // by a clock of its own, that goes on when all wait
	Result  string // the file
}

// What came of it.
type gostrayResult struct {
	Cases    int // of the target
	Call     string
	Unknown  []string // types that no value is known for
	NeedReal bool     // the arguments need the real clock
	Runs     int
	Leaked   int // runs that left something that waits for ever
	Busy     int // runs that left something that may still end
	Panicked int // runs whose call panicked
	Left     []gostrayLeft
}

func TestGostrayWitness(t *gostrayTesting.T) {
	var order gostrayOrder
	if err := gostrayJSON.Unmarshal([]byte(gostrayOS.Getenv("GOSTRAY_WITNESS")), &order); err != nil {
		t.Fatal(err)
	}
	target := gostrayTargets[order.Target]
	function := gostrayReflect.ValueOf(target.function)
	cases := gostrayCases(function.Type())
	result := &gostrayResult{Cases: len(cases)}
	if order.Case < len(cases) {
		gostrayOne(t, order, target.name, function, cases[order.Case], result)
	}
	gostraySay(order, result)
}

func gostrayOne(t *gostrayTesting.T, order gostrayOrder, name string, function gostrayReflect.Value, choice []int, result *gostrayResult) {
	run := func() {
		for i := 0; i < order.Runs; i++ {
			made := gostrayMade{choice: choice, virtual: order.Virtual}
			arguments := made.arguments(function.Type())
			result.Call = name + "(" + gostrayStrings.Join(made.labels, ", ") + ")"
			result.Unknown = made.unknown
			if made.needReal && order.Virtual {
				result.NeedReal = true
				gostraySay(order, result)
				break
			}
			// If the call crashes, this is what is known.
			gostraySay(order, result)
			left, busy, panicked := gostrayCall(function, arguments, &made, order)
			result.Runs++
			if panicked {
				result.Panicked++
			}
			if busy {
				result.Busy++
			} else if len(left) > 0 {
				result.Leaked++
				result.Left = left
			}
			gostraySay(order, result)
		}
		// What is left would be a deadlock to the bubble, and is none of ours any more.
		gostrayOS.Exit(0)
	}
	if order.Virtual {
		gostrayBubble(t, run)
	} else {
		run()
	}
}

// Written anew after each run, in one step: whoever reads it has the runs that ended.
func gostraySay(order gostrayOrder, result *gostrayResult) {
	text, _ := gostrayJSON.Marshal(result)
	if err := gostrayOS.WriteFile(order.Result+".new", text, 0600); err != nil {
		gostrayFmt.Fprintln(gostrayOS.Stderr, err)
	}
	if err := gostrayOS.Rename(order.Result+".new", order.Result); err != nil {
		gostrayFmt.Fprintln(gostrayOS.Stderr, err)
	}
}
