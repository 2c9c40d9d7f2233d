// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"fmt"

	"github.com/sparkgateway/spark/gateway/exchange"
)

// MaxObjects bounds how many JSON objects a question may consist of to be translated: messages, their parts, tools, and
// what is within them. Each takes some hundred bytes of memory, however short it is in the body, so that the bound on
// bodies does not bound them well. No conversation comes near it.
const MaxObjects = 100_000

// objects counts the objects in a body, which is known to be JSON.
func objects(body []byte) int {
	n := 0
	for i := 0; i >= 0 && i < len(body); {
		switch body[i] {
		case '"':
			i = skipString(body, i)
			continue
		case '{':
			n++
		}
		i++
	}
	return n
}

// contents are the members that a question mostly consists of.
var contents = map[exchange.Dialect]string{
	exchange.Responses: Response.Content, exchange.Gemini: Generate.Content,
}

func tooManyObjects(d exchange.Dialect) *exchange.Error {
	content, ok := contents[d]
	if !ok {
		content = Chat.Content
	}
	e := exchange.Invalid(content, fmt.Sprintf(
		"Your request has more than %d objects, which is more than can be translated for this model's provider.", MaxObjects))
	e.Reason = exchange.ReasonUntranslatable
	return e
}
