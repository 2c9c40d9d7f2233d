// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"net/http"
	"strings"
)

// Entry is one request in the provider's books: what it took in and what it wrote, whoever read it.
type Entry struct {
	ID     int64  // rising from 1, as Record.ID
	Mark   string // the word of Mark in the prompt; "" for none
	Path   string
	Model  string // with the directives that it carried
	Stream bool
	Status int // 0: the client was told nothing
	State  State
	Prompt int // tokens that the provider bills; 0 where the request was refused before anything was read of it
	// Completion is the tokens that were handed to the client's connection, Events the events.
	Completion, Events int
}

// Generated says that a provider would have something to bill: it answered, or was left while it worked. One that failed
// before it wrote a token bills nothing.
func (e *Entry) Generated() bool {
	switch {
	case e.Completion > 0, e.State == Completed && e.Status == http.StatusOK:
		return true
	default:
		return e.State == Cancelled && (e.Status == 0 || e.Status == http.StatusOK)
	}
}

const (
	markOpens  = "[[books "
	markCloses = "]]"
)

// Mark gives what a prompt must contain for Books to know the request by a word of letters, digits and hyphens. It comes
// through whatever translation, as prompts do.
func Mark(word string) string { return markOpens + word + markCloses }

// markOf finds the word in a request's body. The last message counts, as it does for directives.
func markOf(body string) string {
	at := strings.LastIndex(body, markOpens)
	if at < 0 {
		return ""
	}
	word, _, closed := strings.Cut(body[at+len(markOpens):], markCloses)
	if !closed {
		return ""
	}
	return word
}

func entryOf(r *Record) Entry {
	e := Entry{
		ID: r.ID, Mark: markOf(r.Body), Path: r.Path, Model: r.Model, Stream: r.Stream, Status: r.Status, State: r.State,
		Prompt: r.PromptTokens, Completion: r.CompletionTokens, Events: r.EventsSent,
	}
	if e.Path == cohereChatPath {
		// Cohere bills nothing of what its template adds.
		e.Prompt = max(0, e.Prompt-replyOverhead)
	}
	return e
}

const cohereChatPath = "/v2/chat"

// Books gives an entry for each of the newest requests, oldest first; Options.RecordLimit says of how many, and
// Options.RecordBodyLimit how far into a body a mark is looked for.
func (s *Server) Books() []Entry {
	records := s.records.list()
	entries := make([]Entry, len(records))
	for i := range records {
		entries[i] = entryOf(&records[i])
	}
	return entries
}
