// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import "testing"

func TestPictures(t *testing.T) {
	t.Run("well", func(t *testing.T) {
		tb := open(t, serve(t, well), desktop)
		tb.says("#panel", "Nothing needs attention")
		tb.shoot("light")
		tb.prefer(true)
		tb.shoot("dark")
		tb.resize(360, 780)
		tb.shoot("narrow-dark")
	})
	t.Run("trouble", func(t *testing.T) {
		tb := open(t, serve(t, three), desktop)
		tb.says("#panel", "silent")
		tb.shoot("trouble")
		tb.prefer(true)
		tb.shoot("trouble-dark")
	})
}
