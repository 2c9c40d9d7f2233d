// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// sight is one image of a prompt: its MIME type where its bytes came along, else where it is to be had.
type sight string

// sightOfURL reads an image's address; it refuses data URLs that do not hold what they say.
func sightOfURL(url string) (sight, error) {
	rest, isData := strings.CutPrefix(url, "data:")
	if !isData {
		if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
			return "", errors.New("expected a URL that begins with http, https or data")
		}
		return sight(clip(url, maxEcho)), nil
	}
	head, packed, _ := strings.Cut(rest, ",")
	kind, isBase64 := strings.CutSuffix(head, ";base64")
	if !isBase64 {
		return "", errors.New("expected a data URL in base64")
	}
	return sightOfBytes(kind, packed)
}

// sightOfBytes reads an image that was sent in base64 with its MIME type.
func sightOfBytes(kind, packed string) (sight, error) {
	if !strings.HasPrefix(kind, "image/") {
		return "", fmt.Errorf("%q is not the MIME type of an image", clip(kind, maxEcho))
	}
	if _, err := base64.StdEncoding.DecodeString(packed); err != nil {
		return "", errors.New("the image is not in base64")
	}
	return sight(kind), nil
}

// seeing is a prompt as an answer repeats it: with the images that came with it, so that a test can tell they arrived.
func seeing(prompt string, images []sight) string {
	if len(images) == 0 {
		return prompt
	}
	names := make([]string, len(images))
	for i, image := range images {
		names[i] = string(image)
	}
	noun := "images"
	if len(images) == 1 {
		noun = "image"
	}
	said := fmt.Sprintf(" [%d %s: %s]", len(images), noun, strings.Join(names, ", "))
	return clip(prompt, max(0, maxEcho-len(said))) + said
}
