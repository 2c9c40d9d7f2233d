// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package converse

import "strings"

// maker is who made a model, as far as Converse treats its models apart.
type maker uint8

const (
	// unknown also stands for ARNs that do not tell: application inference profiles, provisioned throughput, prompts.
	unknown maker = iota
	claude
	nova
	gptOSS
	// another is a maker whose models have nothing of their own here.
	another
)

// family is what a request must know of its model.
type family struct {
	maker maker
	// name is the model's without its maker's, such as "claude-sonnet-4-5-20250929-v1:0".
	name string
}

// familyOf reads a model's ID, such as "anthropic.claude-opus-4-6-v1", that of an inference profile, which has a region
// before it ("us.", "global."), or an ARN that ends in one of them.
func familyOf(model string) family {
	id, isARN := strings.CutPrefix(model, "arn:")
	if isARN {
		resource, last, _ := strings.Cut(id, "/")
		if !strings.HasSuffix(resource, ":foundation-model") && !strings.HasSuffix(resource, ":inference-profile") {
			return family{}
		}
		id = last
	}
	if name, ok := after(id, "anthropic."); ok {
		return family{claude, name}
	}
	if name, ok := after(id, "amazon."); ok && strings.HasPrefix(name, "nova-") {
		return family{nova, name}
	}
	if name, ok := after(id, "openai."); ok && strings.HasPrefix(name, "gpt-oss") {
		return family{gptOSS, name}
	}
	return family{another, id}
}

// after gives what follows a maker's word, which stands first or after a region's.
func after(id, word string) (string, bool) {
	if name, ok := strings.CutPrefix(id, word); ok {
		return name, true
	}
	_, rest, found := strings.Cut(id, ".")
	if !found {
		return "", false
	}
	return strings.CutPrefix(rest, word)
}

// budgetOnly are the models of Claude that take a budget and nothing else (Amazon Bedrock User Guide, "Adaptive
// thinking"). The list is closed: models that come after them think adaptively.
var budgetOnly = [...]string{
	"claude-3-", "claude-sonnet-4-2", "claude-opus-4-2", "claude-opus-4-1", "claude-sonnet-4-5", "claude-opus-4-5", "claude-haiku-4-5",
}

// untilFourSeven are those between them and Claude Opus 4.8. They think adaptively, but only when asked; later ones think
// when nothing is said.
var untilFourSeven = [...]string{"claude-opus-4-6", "claude-sonnet-4-6", "claude-opus-4-7"}

func (f family) takesBudget() bool { return f.maker == claude && hasPrefix(f.name, budgetOnly[:]) }

func (f family) silent() bool {
	return f.takesBudget() || f.maker == claude && hasPrefix(f.name, untilFourSeven[:])
}

// instructedFirst says that the model is known to take no instructions in the middle of a conversation, as Claude does
// since Opus 4.8. Of others Bedrock knows.
func (f family) instructedFirst() bool { return f.silent() }

// caches says whether the family may be told what to cache. Of a model that is not known it is assumed: a mark that is
// left out costs money at each request, and a refusal shows at the first.
func (f family) caches() bool { return f.maker == claude || f.maker == nova || f.maker == unknown }

func hasPrefix(name string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
