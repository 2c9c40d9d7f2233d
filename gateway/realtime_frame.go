// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// The opcodes of WebSocket frames (RFC 6455 5.2).
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// The codes with which a WebSocket is closed (RFC 6455 7.4.1).
const (
	closeNormal    = 1000
	closeGoingAway = 1001
	closeProtocol  = 1002
	closePolicy    = 1008
	closeNoCode    = 1005
	closeTooBig    = 1009
	closeInternal  = 1011
)

const (
	maxControl  = 125
	maskLen     = 4
	finBit      = 0x80
	reservedBit = 0x70
	maskBit     = 0x80
)

var (
	// errFrame says that what came is no frame that may come here.
	errFrame = errors.New("malformed WebSocket frame")
	// errFrameTooBig says that a frame, or the message that it continues, exceeds its bound.
	errFrameTooBig = errors.New("WebSocket frame too large")
)

// frame is one WebSocket frame. Its slices point into the reader's buffer.
type frame struct {
	opcode byte
	fin    bool
	// raw is the frame as it came, payload the part of it behind the header, still masked where it was.
	raw, payload []byte
	mask         [maskLen]byte
	masked       bool
}

func (f *frame) control() bool { return f.opcode >= opClose }

// text gives the payload unmasked, in a copy where it was masked.
func (f *frame) text() []byte {
	if !f.masked {
		return f.payload
	}
	plain := make([]byte, len(f.payload))
	for i, b := range f.payload {
		plain[i] = b ^ f.mask[i%maskLen]
	}
	return plain
}

// closeCode is why a close frame says that its side closes.
func (f *frame) closeCode() int {
	text := f.text()
	if len(text) < 2 {
		return closeNoCode
	}
	return int(binary.BigEndian.Uint16(text))
}

// frameReader reads the frames of one side.
type frameReader struct {
	r *bufio.Reader
	// masked is what this side's frames must be: a client's are, a server's are not.
	masked bool
	// bound is of one message's bytes.
	bound int64

	buf []byte
	// message is the bytes so far of one that comes in several frames, which begun says that it does.
	message int64
	begun   bool
}

// next reads one frame, whole. It is good until the following next.
func (fr *frameReader) next() (frame, error) {
	head, err := fr.r.Peek(2)
	if err != nil {
		return frame{}, err
	}
	f := frame{opcode: head[0] & 0xf, fin: head[0]&finBit != 0, masked: head[1]&maskBit != 0}
	length, size := int64(head[1]&^maskBit), 2
	switch {
	case head[0]&reservedBit != 0, f.masked != fr.masked, !fr.expected(&f):
		return f, errFrame
	case f.control() && (length > maxControl || !f.fin):
		return f, errFrame
	case length == maxControl+1:
		size = 4
	case length == maxControl+2:
		size = 10
	}
	lengthEnd := size
	if f.masked {
		size += maskLen
	}
	if head, err = fr.r.Peek(size); err != nil {
		return f, unexpectedEnd(err)
	}
	switch lengthEnd {
	case 4:
		length = int64(binary.BigEndian.Uint16(head[2:]))
	case 10:
		if length = int64(binary.BigEndian.Uint64(head[2:])); length < 0 { //nolint:gosec // Its sign is looked at.
			return f, errFrame
		}
	}
	copy(f.mask[:], head[lengthEnd:size])
	if err := fr.take(&f, length); err != nil {
		return f, err
	}
	return f, fr.read(&f, size, length)
}

// expected says that a frame may come now: a message's frames follow each other, with nothing but control between.
func (fr *frameReader) expected(f *frame) bool {
	switch f.opcode {
	case opContinuation:
		return fr.begun
	case opText, opBinary:
		return !fr.begun
	case opClose, opPing, opPong:
		return true
	}
	return false
}

// take counts a frame into its message.
func (fr *frameReader) take(f *frame, length int64) error {
	if f.control() {
		return nil
	}
	if length > fr.bound-fr.message {
		return errFrameTooBig
	}
	fr.message, fr.begun = fr.message+length, !f.fin
	if f.fin {
		fr.message = 0
	}
	return nil
}

// read reads a frame's bytes. Memory is taken as they come, not as they are announced.
func (fr *frameReader) read(f *frame, header int, length int64) error {
	if cap(fr.buf) > keepBody {
		fr.buf = nil
	}
	fr.buf = fr.buf[:0]
	for left := int64(header) + length; left > 0; {
		n := int(min(left, max(int64(len(fr.buf)), 4<<10)))
		from := len(fr.buf)
		if cap(fr.buf)-from < n {
			fr.buf = append(fr.buf, make([]byte, n)...)
		} else {
			fr.buf = fr.buf[:from+n]
		}
		if _, err := io.ReadFull(fr.r, fr.buf[from:]); err != nil {
			return unexpectedEnd(err)
		}
		left -= int64(n)
	}
	f.raw, f.payload = fr.buf, fr.buf[header:]
	return nil
}

func unexpectedEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// appendControl writes a control frame, masked where there is a mask. The payload is at most maxControl bytes long.
func appendControl(dst []byte, opcode byte, payload []byte, mask *[maskLen]byte) []byte {
	dst = append(dst, finBit|opcode)
	if mask == nil {
		return append(append(dst, byte(len(payload))), payload...)
	}
	dst = append(append(dst, maskBit|byte(len(payload))), mask[:]...)
	for i, b := range payload {
		dst = append(dst, b^mask[i%maskLen])
	}
	return dst
}

// closePayload is what a close frame says.
func closePayload(code uint16, reason string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, code), reason[:min(len(reason), maxControl-2)]...)
}
