// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// asker makes requests of which it knows the texts.
type asker struct {
	*rand.Rand
	want []string
}

// text makes a text of a role, as JSON.
func (a *asker) text(role Role) string {
	text := fmt.Sprint("text ", len(a.want))
	a.want = append(a.want, fmt.Sprintf("%v: %s", role, text))
	return jsonOf(a.Rand, text)
}

// member spells a key as a lenient reader would take it.
func (a *asker) member(key, value string) string {
	switch i := a.IntN(len(key)); a.IntN(6) {
	case 0:
		key = key[:i] + fmt.Sprintf(`\u%04x`, key[i]) + key[i+1:]
	case 1:
		key = strings.ToUpper(key[:i]) + key[i:]
	case 2:
		key = key[:i] + strings.NewReplacer("s", "ſ", "k", "\u212a").Replace(key[i:])
	}
	return `"` + key + `":` + value
}

// object puts members in any order, beside others that hold no text.
func (a *asker) object(members ...string) string {
	for range a.IntN(3) {
		members = append(members, []string{
			`"id":"noise"`, `"index":7`, `"cache_control":{"type":"noise"}`, `"novel":[1,{"deep":[null,"noise"]}]`, `"status":"noise"`, `"n":-1.5e3`,
		}[a.IntN(6)])
	}
	a.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return "{" + strings.Join(members, ", ") + "}"
}

func (a *asker) list(make func() string) string {
	all := several(a.IntN(3)+1, make)
	return "[" + strings.Join(all, ",") + "]"
}

func several(n int, make func() string) []string {
	var all []string
	for range n {
		all = append(all, make())
	}
	return all
}

var roleWords = map[string]Role{
	"system": RoleSystem, "developer": RoleSystem, "user": RoleUser, "critic": RoleUser, "assistant": RoleAssistant, "tool": RoleTool,
}

func (a *asker) word() (string, Role) {
	words := []string{"system", "developer", "user", "critic", "assistant", "tool"}
	word := words[a.IntN(len(words))]
	return word, roleWords[word]
}

func (a *asker) content(role Role) string {
	if a.IntN(2) == 0 {
		return a.text(role)
	}
	return a.list(func() string {
		switch a.IntN(4) {
		case 0:
			return a.object(`"type":"image_url"`, `"image_url":{"url":"noise"}`)
		case 1:
			return a.object(`"type":"novel"`, `"novel":`+a.object(a.member("text", a.text(role))))
		default:
			return a.object(`"type":"text"`, a.member("text", a.text(role)), `"role":"system"`)
		}
	})
}

func (a *asker) chat() string {
	return a.list(func() string {
		word, role := a.word()
		members := []string{a.member("role", `"`+word+`"`), a.member("content", a.content(role))}
		switch a.IntN(5) {
		case 0: // twice
			members = append(members, a.member("content", a.content(role)))
		case 1:
			members = append(members, a.member("tool_calls", a.list(func() string {
				return a.object(`"type":"function"`, a.member("function", a.object(`"name":"noise"`, a.member("arguments", a.text(role)))))
			})))
		}
		return a.object(members...)
	})
}

func (a *asker) tools() string {
	return a.list(func() string {
		return a.object(`"name":"noise"`, a.member("description", a.text(RoleSystem)), a.member("parameters", a.object(a.member("properties", a.object(
			`"content":`+a.object(`"type":"string"`, `"enum":["noise"]`, a.member("description", a.text(RoleSystem))))))))
	})
}

func (a *asker) anthropic() string {
	return a.list(func() string {
		return a.object(`"role":"user"`, a.member("content", a.list(func() string {
			switch a.IntN(4) {
			case 0:
				return a.object(`"type":"tool_result"`, `"tool_use_id":"noise"`, a.member("content", a.content(RoleTool)))
			case 1:
				return a.object(`"type":"document"`, a.member("title", a.text(RoleUser)), a.member("source", a.object(`"type":"text"`, a.member("data", a.text(RoleUser)))))
			case 2:
				return a.object(`"type":"image"`, `"source":{"data":"noise","type":"base64"}`)
			default:
				return a.object(`"type":"text"`, a.member("text", a.text(RoleUser)))
			}
		})))
	})
}

// All texts of a request are found, in their roles, and nothing else is, however it is written.
func TestAllTextsAreFound(t *testing.T) {
	for name, test := range map[string]struct {
		shape *Shape
		make  func(*asker) []string
	}{
		"chats": {Chat, func(a *asker) []string {
			return []string{`"model":"noise"`, `"messages":` + a.chat(), a.member("tools", a.tools()), `"metadata":{"text":"noise"}`}
		}},
		"messages": {Messages, func(a *asker) []string {
			return []string{`"model":"noise"`, `"messages":` + a.anthropic(), a.member("system", a.content(RoleSystem)), `"metadata":{"user_id":"noise"}`}
		}},
		"contents": {Generate, func(a *asker) []string {
			part := func(r Role) string { return a.object(a.member("text", a.text(r))) }
			return []string{a.member("system_instruction", a.object(a.member("parts", part(RoleSystem)))), `"contents":` + a.list(func() string {
				return a.object(`"role":"model"`, a.member("parts", a.list(func() string {
					if a.IntN(2) == 0 {
						return a.object(a.member("functionResponse", a.object(`"name":"noise"`, a.member("response", `{"id":`+a.text(RoleTool)+`}`))))
					}
					return part(RoleAssistant)
				})))
			})}
		}},
	} {
		for seed := range uint64(300) {
			a := asker{Rand: rand.New(rand.NewPCG(seed, 8))}
			members := test.make(&a)
			a.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
			body := "{" + strings.Join(members, ",") + "}"
			got := textsIn(t, test.shape, body)
			slices.Sort(got)
			slices.Sort(a.want)
			if diff := cmp.Diff(a.want, got); diff != "" {
				t.Fatalf("%s, seed %d (-want +got):\n%s\n%s", name, seed, diff, body)
			}
		}
	}
}
