// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// roleUnsaid is the role of texts as long as what surrounds them has not said it: a message's role may stand behind its
// content.
const roleUnsaid Role = 255

// Texts appends where the texts are that a model will read, in the body's order. The request is one that Decode or
// DecodeForm took.
//
// Of parts that no dialect knows, those members count whose names are a text's in one. A member that stands twice counts
// twice. Where an object contradicts itself about its role, the role is RoleUser. Descriptions of tools and of their
// parameters are RoleSystem. Ids, names, addresses, encoded bytes, tokens, and the keywords of schemas do not count.
func (r *Request) Texts(dst []Text) []Text {
	if r.form {
		return r.formTexts(dst)
	}
	if r.shape == nil || r.open == 0 {
		return dst
	}
	x := texter{b: r.body, w: walker{b: r.body}, d: r.shape.Dialect, found: dst, part: -1}
	x.object(r.open-1, spot{role: roleUnsaid})
	settle(x.found[len(dst):], RoleUser)
	return x.found
}

// settle gives texts the role that they wait for.
func settle(waiting []Text, r Role) {
	for i := range waiting {
		if waiting[i].Role == roleUnsaid {
			waiting[i].Role = r
		}
	}
}

// texter walks a request's body.
type texter struct {
	b     []byte
	w     walker
	d     exchange.Dialect
	found []Text
	part  int
}

// rule says which strings are texts.
type rule uint8

const (
	byName      rule = iota // those under a name that says so
	described               // descriptions
	allButNever             // those not under a termNever
	eachMember              // all members, whatever their names; allButNever within those
	every                   // all
	nothing                 // none
)

// spot is where the walk is.
type spot struct {
	role  Role // roleUnsaid, or what is settled for all within
	rule  rule
	depth int
	text  bool // strings here are texts
	// listed says that objects here are messages, inside that they are within one, where further roles mean nothing.
	listed, inside bool
	data           bool // this is a document's source, whose data are a text
}

func (x *texter) value(i int, s spot) int {
	if i >= len(x.b) || s.depth > MaxDepth {
		return -1
	}
	switch x.b[i] {
	case '"':
		end := skipString(x.b, i)
		if s.text && end > i+2 {
			x.found = append(x.found, Text{Role: s.role, From: i + 1, To: end - 1, Part: x.part})
		}
		return end
	case '{':
		return x.object(i, s)
	case '[':
		return x.array(i, s)
	default:
		return x.w.value(i, s.depth, false)
	}
}

func (x *texter) array(i int, s spot) int {
	// A list that is a member of the body is of messages, inputs or tools; instructions in pieces are one.
	apart := s.depth == 1 && (s.role != RoleSystem || s.rule == described)
	s.depth++
	l := list{w: &x.w, i: i}
	for l.next() {
		if apart {
			x.part++
		}
		l.to = x.value(l.from, s)
	}
	return l.end
}

func (x *texter) object(i int, s spot) int {
	mark := len(x.found)
	message := s.listed && !s.inside
	if message {
		s.inside = true
		x.part++
	}
	role, kind := claim{}, claim{}
	o := object{w: &x.w, i: i}
	for o.next() {
		t := termNone
		if s.rule != every && s.rule != nothing {
			t = termOf(o.key)
		}
		if s.depth == 0 {
			x.part++
		}
		if o.to = x.value(o.from, x.within(s, t, o.from)); o.to < 0 {
			break
		}
		switch {
		case t == termRole && message:
			role.add(roleOf(x.word(o.from, o.to)))
		case t == termType && s.inside:
			kind.add(x.roleOfType(x.word(o.from, o.to), message))
		}
	}
	if r := role.with(kind); r != roleUnsaid {
		settle(x.found[mark:], r)
	}
	return o.end
}

// word gives a string's text; nil for other values.
func (x *texter) word(from, to int) []byte {
	if x.b[from] != '"' {
		return nil
	}
	return plainText(nil, x.b[from+1:to-1], false)
}

// claim is what the members of an object say of its role.
type claim struct {
	made bool
	role Role
}

func (c *claim) add(r Role) {
	switch {
	case !c.made:
		c.made, c.role = true, r
	case c.role != r:
		c.role = RoleUser
	}
}

// with gives the role by both claims; roleUnsaid where neither knows one.
func (c claim) with(other claim) Role {
	var both claim
	for _, one := range [...]claim{c, other} {
		if one.made && one.role != roleUnsaid {
			both.add(one.role)
		}
	}
	if !both.made {
		return roleUnsaid
	}
	return both.role
}

func roleOf(word []byte) Role {
	switch string(word) {
	case "system", "developer":
		return RoleSystem
	case "assistant", "model":
		return RoleAssistant
	case "tool", "function":
		return RoleTool
	default:
		return RoleUser
	}
}

// roleOfType gives the role of a block of Anthropic's or of an item of Responses'; roleUnsaid where its message says it.
func (x *texter) roleOfType(kind []byte, message bool) Role {
	switch {
	case x.d == exchange.Anthropic && bytes.HasSuffix(kind, []byte("tool_result")):
		return RoleTool
	case x.d != exchange.Responses || !message:
	case bytes.HasSuffix(kind, []byte("_output")):
		return RoleTool
	case bytes.HasSuffix(kind, []byte("_call")), string(kind) == "reasoning", string(kind) == "mcp_approval_request":
		return RoleAssistant
	}
	return roleUnsaid
}
