// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

// Recorded gives what the leader wrote, as one; nil where it is too much to be kept, or the flight is over. It is the caller's.
func (f *Flight) Recorded() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended || f.partial {
		return nil
	}
	return f.body.whole()
}
