// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/base64"
	"encoding/json"
	"sync"
)

// signatureNonce is how many letters of the answer's id a signature begins with, so that no two are alike.
const signatureNonce = 8

// signatureOf proves that this provider said something in the answer with that id, without remembering it.
func signatureOf(id, text string) string {
	nonce := id[:signatureNonce]
	return base64.StdEncoding.EncodeToString([]byte(nonce + SHA256Of("fakeprovider\x00"+nonce+"\x00"+text)))
}

// signed says whether a signature is one that this provider gave to that text.
func signed(signature, text string) bool {
	plain, err := base64.StdEncoding.DecodeString(signature)
	return err == nil && len(plain) > signatureNonce && signatureOf(string(plain[:signatureNonce]), text) == signature
}

// callText is what a signature of a tool call covers: the same however a client orders and spaces the arguments.
func callText(name string, arguments []byte) string {
	var value any
	if json.Unmarshal(arguments, &value) != nil {
		return name + "\x00" + string(arguments)
	}
	return name + "\x00" + string(marshal(value))
}

// maxPrefixes bounds how many prompt prefixes are remembered; the cache is emptied when it is full.
const maxPrefixes = 4096

// promptCache knows which prefixes of prompts came before. Safe for concurrent use.
type promptCache struct {
	mu       sync.Mutex
	prefixes map[string]struct{}
}

// read says whether a prefix was cached, and caches it.
func (c *promptCache) read(prefix string) bool {
	key := SHA256Of(prefix)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.prefixes[key]; known {
		return true
	}
	if c.prefixes == nil || len(c.prefixes) == maxPrefixes {
		c.prefixes = map[string]struct{}{}
	}
	c.prefixes[key] = struct{}{}
	return false
}

func (c *promptCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.prefixes = nil
}
