// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import "github.com/sparkgateway/spark/gateway/exchange"

// within gives the spot of a member's value, which begins at from, in an object at s.
func (x *texter) within(s spot, t term, from int) spot {
	next := spot{role: s.role, rule: s.rule, depth: s.depth + 1, inside: s.inside}
	if from >= len(x.b) {
		return next
	}
	switch s.rule {
	case every:
		next.text = true
	case allButNever:
		next.text = t != termNever && t != termType
	case eachMember:
		next.text, next.rule = true, allButNever
	case described:
		switch t {
		case termDescription:
			next.text = true
		case termEvery:
			next.text, next.rule = true, every
		default:
		}
	case byName:
		x.named(&next, s, t, from)
	case nothing:
	}
	return next
}

// named is within by the member's name alone.
func (x *texter) named(next *spot, s spot, t term, from int) {
	first := x.b[from]
	json := first == '{' || first == '['
	switch t {
	case termText, termDescription:
		next.text = true
	case termMessages:
		next.text, next.listed = true, true
	case termInput:
		next.text, next.listed = true, true
		if x.d == exchange.Anthropic && json && s.inside {
			next.rule = every
		}
	case termArguments:
		next.text = true
		if json {
			next.rule = every
		}
	case termOutput:
		next.text = true
		if s.inside && x.d == exchange.Responses {
			next.settle(RoleTool)
		}
		if first == '{' {
			next.rule = allButNever
		}
	case termMost:
		next.text, next.rule = true, allButNever
	case termVariables:
		next.text, next.rule = true, eachMember
	case termEvery:
		next.text, next.rule = true, every
	case termData:
		next.text = s.data
	default:
		x.particular(next, s, t, from)
	}
}

// particular is named for what means something in one dialect or at one place only.
func (x *texter) particular(next *spot, s spot, t term, from int) {
	switch t {
	case termSystem:
		next.text = true
		if !s.inside {
			next.settle(RoleSystem)
		}
	case termTools:
		// Responses has an item that lists tools.
		if !s.inside || x.d == exchange.Responses {
			next.settle(RoleSystem)
			next.rule = described
		}
	case termSays:
		if x.d == exchange.Gemini {
			next.settle(RoleTool)
		}
	case termResponse:
		if x.d == exchange.Gemini && s.inside {
			next.text, next.rule = true, every
		}
	case termSource:
		next.data = x.b[from] == '{' && x.plain(from)
	case termMetadata:
		if s.depth == 0 {
			next.rule = nothing
		}
	default:
	}
}

// settle settles a role for all that is within, unless one is.
func (s *spot) settle(r Role) {
	if s.role == roleUnsaid {
		s.role = r
	}
}

// plain says that the data of the source at i may be a text, as nothing there says that they are encoded.
func (x *texter) plain(i int) bool {
	types, encoded := 0, 0
	for o := (object{w: &x.w, i: i}); o.next(); {
		if o.to = x.w.value(o.from, 1, false); o.to < 0 || termOf(o.key) != termType {
			continue
		}
		types++
		switch string(x.word(o.from, o.to)) {
		case "base64", "url", "file":
			encoded++
		}
	}
	return types == 0 || encoded < types
}
