//go:build go1.25

package witness

import (
	gostrayTesting "testing"
	gostraySynctest "testing/synctest"
)

// Time in a bubble goes on when all goroutines in it wait.
func gostrayBubble(t *gostrayTesting.T, run func()) {
	gostraySynctest.Test(t, func(*gostrayTesting.T) { run() })
}

func gostrayWait() { gostraySynctest.Wait() }
