// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"iter"
	"net/http"
	"strconv"
	"strings"
)

// maxImages bounds how many images one request may ask for, tokensOfPainting is what one of them is billed as.
const (
	maxImages        = 10
	tokensOfPainting = 272
)

type imagesRequest struct {
	Model          string   `json:"model"`
	Prompt         string   `json:"prompt"`
	N              *int     `json:"n"`
	Size           *string  `json:"size"`
	Quality        *string  `json:"quality"`
	ResponseFormat *string  `json:"response_format"`
	OutputFormat   *string  `json:"output_format"`
	Background     *string  `json:"background"`
	Moderation     *string  `json:"moderation"`
	Style          *string  `json:"style"`
	Stream         bool     `json:"stream"`
	PartialImages  *float64 `json:"partial_images"`
	Compression    *float64 `json:"output_compression"`
	User           *string  `json:"user"`
}

// painting is a request for images, made from words or from images.
type painting struct {
	imagesRequest
	home   openAI
	kind   string // of its events: image_generation, image_edit
	tokens int
	images int // that came along
}

func (o openAI) generateImages(_ *http.Request, body []byte) (call, *failure) {
	var request imagesRequest
	if fail := decodeOpenAI(body, &request); fail != nil {
		return nil, fail
	}
	return o.paint(&painting{imagesRequest: request, kind: "image_generation"}, true)
}

func (o openAI) editImages(r *http.Request, body []byte) (call, *failure) {
	read, fail := formOf(r, body, "image", "mask", "prompt", "model", "n", "size", "quality", "response_format",
		"output_format", "output_compression", "background", "input_fidelity", "stream", "partial_images", "user")
	if fail != nil {
		return nil, fail
	}
	return o.paintFrom(r, read, true)
}

func (o openAI) varyImages(r *http.Request, body []byte) (call, *failure) {
	read, fail := formOf(r, body, "image", "model", "n", "size", "response_format", "user")
	if fail != nil {
		return nil, fail
	}
	return o.paintFrom(r, read, false)
}

// paintFrom reads a form; needsPrompt tells edits from variations.
func (o openAI) paintFrom(r *http.Request, read *form, needsPrompt bool) (call, *failure) {
	if _, fail := read.required("image"); fail != nil {
		return nil, fail
	}
	for _, file := range read.files["image"] {
		if kind := http.DetectContentType(file.content); !strings.HasPrefix(kind, "image/") {
			return nil, invalid("image", fmt.Sprintf("Invalid file 'image': unsupported mimetype ('%s').", kind))
		}
	}
	request := imagesRequest{
		Model: read.modelOf(r), Prompt: read.value("prompt"), Size: read.word("size"), Quality: read.word("quality"),
		ResponseFormat: read.word("response_format"), OutputFormat: read.word("output_format"),
		Background: read.word("background"), Stream: read.value("stream") == "true",
	}
	if n := read.value("n"); n != "" {
		count, err := strconv.Atoi(n)
		if err != nil {
			return nil, invalid("n", "Invalid type for 'n': expected an integer.")
		}
		request.N = &count
	}
	return o.paint(&painting{imagesRequest: request, kind: "image_edit", images: len(read.files["image"])}, needsPrompt)
}

func (o openAI) paint(p *painting, needsPrompt bool) (call, *failure) {
	if p.Model == "" {
		p.Model = "dall-e-2"
	} else if !o.server.knows(p.Model) {
		return nil, modelNotFound(p.Model)
	}
	if needsPrompt && p.Prompt == "" {
		return nil, &failure{
			status: http.StatusBadRequest, param: "prompt", code: "missing_required_parameter",
			message: "Missing required parameter: 'prompt'.",
		}
	}
	if p.N != nil && (*p.N < 1 || *p.N > maxImages) {
		return nil, invalid("n", fmt.Sprintf("Invalid 'n': expected from 1 to %d.", maxImages))
	}
	fail := first(
		oneOf("size", p.Size, "auto", "256x256", "512x512", "1024x1024", "1536x1024", "1024x1536", "1792x1024", "1024x1792"),
		oneOf("quality", p.Quality, "auto", "low", "medium", "high", "standard", "hd"),
		oneOf("response_format", p.ResponseFormat, "url", "b64_json"), oneOf("output_format", p.OutputFormat, "png", "jpeg", "webp"),
		oneOf("background", p.Background, "auto", "transparent", "opaque"), oneOf("moderation", p.Moderation, "auto", "low"),
		within("partial_images", p.PartialImages, 0, 3),
	)
	if fail != nil {
		return nil, fail
	}
	p.home, p.tokens = o, CountTokens(p.Prompt)+p.images*tokensOfImage
	return p, nil
}

func (p *painting) subject() subject {
	return subject{model: p.Model, stream: p.Stream, prompt: p.Prompt, promptTokens: p.tokens}
}

func (p *painting) usage(d directives) any {
	switch d.faults.Usage {
	case UsageMissing:
		return nil
	case UsageMalformed:
		return malformedUsage
	}
	output := orDefault(p.N, 1) * tokensOfPainting
	return map[string]any{
		"input_tokens": p.tokens, "output_tokens": output, "total_tokens": p.tokens + output,
		"input_tokens_details": map[string]int{
			"text_tokens": CountTokens(p.Prompt), "image_tokens": p.tokens - CountTokens(p.Prompt),
		},
	}
}

func (p *painting) reply(d directives, s stamp) reply {
	if p.Stream {
		return reply{events: p.events(d, s)}
	}
	data := make([]map[string]string, 0, orDefault(p.N, 1))
	// The models that paint for ChatGPT give bytes only; the older ones an address, unless bytes are asked for.
	asURL := !strings.HasPrefix(p.Model, "gpt-image") && orDefault(p.ResponseFormat, "url") == "url"
	for i := range orDefault(p.N, 1) {
		item := map[string]string{"b64_json": drawn(p.Prompt, i)}
		if asURL {
			item = map[string]string{"url": fmt.Sprintf("https://images.example.com/%s-%d.png", s.id, i)}
		}
		if strings.HasPrefix(p.Model, "dall-e-3") {
			item["revised_prompt"] = p.Prompt
		}
		data = append(data, item)
	}
	body := map[string]any{"created": s.created, "data": data}
	if usage := p.usage(d); usage != nil {
		body["usage"] = usage
	}
	return reply{body: marshal(body), tokens: orDefault(p.N, 1) * tokensOfPainting}
}

// events gives the stream: as many images in the making as were asked for, and the image that came of it.
func (p *painting) events(d directives, s stamp) iter.Seq[event] {
	return func(yield func(event) bool) {
		for i := range int(orDefault(p.PartialImages, 0)) {
			kind := p.kind + ".partial_image"
			if !yield(event{name: kind, data: marshal(map[string]any{
				"type": kind, "partial_image_index": i, "b64_json": drawn(p.Prompt, i), "created_at": s.created,
			})}) {
				return
			}
		}
		kind := p.kind + ".completed"
		last := map[string]any{"type": kind, "b64_json": drawn(p.Prompt, 0), "created_at": s.created}
		if usage := p.usage(d); usage != nil {
			last["usage"] = usage
		}
		yield(event{name: kind, data: marshal(last), tokens: tokensOfPainting, done: true})
	}
}

// drawn is a small PNG, the same for the same prompt, in base64.
func drawn(prompt string, number int) string {
	seed := SHA256Of(fmt.Sprint(prompt, number))
	picture := image.NewGray(image.Rect(0, 0, 8, 8))
	for i := range 64 {
		picture.SetGray(i%8, i/8, color.Gray{Y: seed[i]})
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		panic(err) // a buffer takes everything
	}
	return base64.StdEncoding.EncodeToString(out.Bytes())
}
