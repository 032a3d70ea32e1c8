package flow

func a()          {}
func b()          {}
func c() bool     { return true }
func d() bool     { return true }
func e() bool     { return true }
func v() int      { return 1 }
func fail() error { return nil }
func use(...any)  {}
