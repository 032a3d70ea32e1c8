package witness

// Values of types that have parts, and what constructors give.

import (
	gostrayFmt "fmt"
	gostrayReflect "reflect"
	gostrayStrings "strings"
	gostrayUnsafe "unsafe"
)

func (m *gostrayMade) pointer(t gostrayReflect.Type) (gostrayReflect.Value, string) {
	if value, label, ok := m.constructed(t); ok {
		return value, label
	}
	if m.depth > gostrayMaxDepth {
		return gostrayReflect.Zero(t), "nil"
	}
	pointer := gostrayReflect.New(t.Elem())
	value, label := m.value(t.Elem(), 0)
	// A lock that is new may be copied.
	pointer.Elem().Set(value)
	return pointer, "&" + label
}

func (m *gostrayMade) structure(t gostrayReflect.Type) (gostrayReflect.Value, string) {
	made := gostrayReflect.New(t).Elem()
	own := gostrayReflect.TypeOf(gostrayMade{}).PkgPath()
	isOther := !gostrayStrings.Contains(gostrayStrings.Split(t.PkgPath(), "/")[0], ".") && t.PkgPath() != own && t.PkgPath() != ""
	if isOther || m.depth > gostrayMaxDepth {
		return made, t.String() + "{}"
	}
	if value, label, ok := m.constructed(t); ok {
		return value, label
	}
	for i := 0; i < t.NumField(); i++ {
		switch field := t.Field(i).Type; field.Kind() {
		case gostrayReflect.Map, gostrayReflect.Chan, gostrayReflect.Func, gostrayReflect.Interface, gostrayReflect.Ptr,
			gostrayReflect.Struct:
			known := len(m.unknown)
			choice := 0
			if field.Kind() == gostrayReflect.Func {
				choice = 1
			}
			value, _ := m.value(field, choice)
			m.unknown = m.unknown[:known]
			gostrayReflect.NewAt(field, gostrayUnsafe.Pointer(made.Field(i).UnsafeAddr())).Elem().Set(value)
		}
	}
	return made, t.String() + "{}"
}

// What a constructor of the package gives, unless it fails.
func (m *gostrayMade) constructed(t gostrayReflect.Type) (value gostrayReflect.Value, label string, ok bool) {
	if m.depth > gostrayMaxDepth {
		return value, "", false
	}
	for _, maker := range gostrayMakers {
		function := gostrayReflect.ValueOf(maker.function)
		of := function.Type()
		if of.NumOut() == 0 || of.NumOut() > 2 || of.Out(0) != t || of.NumOut() == 2 && of.Out(1) != gostrayErrorType {
			continue
		}
		results := m.construct(function)
		if len(results) == 0 || of.NumOut() == 2 && !results[1].IsNil() {
			continue
		}
		if t.Kind() == gostrayReflect.Ptr && results[0].IsNil() {
			continue
		}
		m.endOf(results[0])
		return results[0], maker.name + "(…)", true
	}
	return value, "", false
}

// Whoever opens something closes it.
func (m *gostrayMade) endOf(value gostrayReflect.Value) {
	for _, name := range []string{"Close", "Stop", "Shutdown"} {
		method := value.MethodByName(name)
		if method.IsValid() && method.Type().NumIn() == 0 {
			m.ends = append(m.ends, func() {
				go func() {
					defer func() { recover() }()
					method.Call(nil)
				}()
			})
			return
		}
	}
}

func (m *gostrayMade) construct(function gostrayReflect.Value) (results []gostrayReflect.Value) {
	defer func() {
		if recover() != nil {
			results = nil
		}
	}()
	var arguments []gostrayReflect.Value
	of := function.Type()
	for i := 0; i < of.NumIn(); i++ {
		choice := 0
		if of.In(i) == gostrayContextType {
			choice = 2
		}
		if of.In(i) == gostrayErrorType || of.In(i).Kind() == gostrayReflect.Func {
			choice = 1
		}
		value, _ := m.value(of.In(i), choice)
		arguments = append(arguments, value)
	}
	if of.IsVariadic() {
		arguments[len(arguments)-1] = gostrayReflect.Zero(of.In(len(arguments) - 1))
		return function.CallSlice(arguments)
	}
	return function.Call(arguments)
}

func (m *gostrayMade) slice(t gostrayReflect.Type) (gostrayReflect.Value, string) {
	slice := gostrayReflect.MakeSlice(t, 0, 4)
	var labels []string
	for i := 0; i < 4; i++ {
		var value gostrayReflect.Value
		var label string
		switch t.Elem().Kind() {
		case gostrayReflect.Int, gostrayReflect.Int8, gostrayReflect.Int16, gostrayReflect.Int32, gostrayReflect.Int64:
			value = gostrayReflect.ValueOf(i).Convert(t.Elem())
			label = gostrayFmt.Sprint(i)
		case gostrayReflect.String:
			value = gostrayReflect.ValueOf(gostrayFmt.Sprintf("%c", 'a'+i)).Convert(t.Elem())
			label = gostrayFmt.Sprintf("%q", value.Interface())
		default:
			value, label = m.value(t.Elem(), i%gostrayCount(t.Elem()))
		}
		slice = gostrayReflect.Append(slice, value)
		labels = append(labels, label)
	}
	if label := t.String() + "{" + gostrayStrings.Join(labels, ", ") + "}"; len(label) < 60 {
		return slice, label
	}
	return slice, gostrayFmt.Sprintf("%s of %d", t, slice.Len())
}
