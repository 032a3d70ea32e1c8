//go:build !go1.25

package witness

import gostrayTesting "testing"

// Before Go 1.25 there is only the real clock.
func gostrayBubble(t *gostrayTesting.T, _ func()) { t.Fatal("no bubbles") }

func gostrayWait() {}
