package witness

// Calls a function, gives it time, ends what its arguments say can be ended, and looks what is left.

import (
	gostrayReflect "reflect"
	gostrayTime "time"
)

// By the clock of a bubble it costs nothing: longer than any timeout of a request. By the real clock it is long for
// goroutines that only have to get to their end.
func gostrayPatience(virtual bool) (call, settle gostrayTime.Duration) {
	if virtual {
		return gostrayTime.Minute, 2 * gostrayTime.Minute
	}
	return 300 * gostrayTime.Millisecond, 2 * gostrayTime.Second
}

// What one call left, whether some of it may still end, and whether the call panicked.
func gostrayCall(function gostrayReflect.Value, arguments []gostrayReflect.Value, made *gostrayMade, order gostrayOrder) (left []gostrayLeft, busy, panicked bool) {
	before := gostrayGoroutines()
	forCall, forSettle := gostrayPatience(order.Virtual)
	done := make(chan bool, 1)
	go func() {
		panicked := true
		defer func() {
			if panicked {
				recover()
			}
			done <- panicked
		}()
		for i := 0; i < order.Calls; i++ {
			if function.Type().IsVariadic() {
				function.CallSlice(arguments)
			} else {
				function.Call(arguments)
			}
		}
		panicked = false
	}()
	timer := gostrayTime.NewTimer(forCall)
	select {
	case panicked = <-done:
		timer.Stop()
	case <-timer.C:
	}
	made.end()
	if order.Virtual {
		gostrayTime.Sleep(forSettle)
		gostrayWait()
		return gostrayKinds(gostrayNew(before)), false, panicked
	}
	for start := gostrayTime.Now(); ; gostrayTime.Sleep(10 * gostrayTime.Millisecond) {
		there := gostrayNew(before)
		if len(there) == 0 {
			return nil, false, panicked
		}
		if gostrayTime.Since(start) > forSettle {
			for _, goroutine := range there {
				busy = busy || !gostrayIsBlocked(goroutine.state)
			}
			return gostrayKinds(there), busy, panicked
		}
	}
}
