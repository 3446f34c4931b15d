"""Writes int8 activations whose zero points are all 0, which is what TensorRT reads.

A few zero points cannot be 0: the image's, whose codes are bytes less 128, and those of sigmoid
and softmax, which the .tflite fixes. Their codes stay what they are: a constant is added in front
of the quantizer, and subtracted behind the dequantizer or, of the image in a convolution, in the
bias.

TensorRT takes the bias of a convolution in float, not as dequantized int32.

Sources: onnx-tensorrt, onnxOpImporters.cpp, QuantDequantLinearHelper ("TensorRT only supports
symmetric quantization"); NVIDIA, Working with Quantized Types,
https://docs.nvidia.com/deeplearning/tensorrt/latest/inference-library/work-quantized-types.html
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from strop.export.emit.onnx_conventions import TO_NCHW
from strop.export.emit.onnx_writer import IMAGE, OnnxWriter, codes_of
from strop.export.ir.graph import CODE_MIN, NO_PADS, Array, Kind, Op, Pads, Tensor
from strop.export.options.choices import OnnxInput


class SymmetricOnnxWriter(OnnxWriter):
    """An ONNX graph of int8 codes being filled.

    Attributes:
        shifted: The image in the input's unit, less what its bytes less 128 are of 0.
    """

    shifted: str

    def add_image(self) -> None:
        """Add the input; its codes are the pixels less 128."""
        pixels = IMAGE
        if self.image is OnnxInput.BYTES:
            pixels = self.node("Transpose", [pixels], f"{IMAGE}:nchw", perm=TO_NCHW)
            pixels = self.node("Cast", [pixels], f"{IMAGE}:float", to=TensorProto.FLOAT)
        middle = self.constant(f"{IMAGE}:middle", np.array(-CODE_MIN, np.float32))
        self.shifted = self.node("Sub", [pixels, middle], f"{IMAGE}:less_128")
        scale = self.graph.quant(self.graph.input).scale
        if scale != 1:
            unit = self.constant(f"{IMAGE}:unit", np.array(scale, np.float32))
            self.shifted = self.node("Mul", [self.shifted, unit], f"{IMAGE}:shifted")
        inputs = [self.shifted, *self.scale_and_zero_point(self.graph.input)]
        self.node("QuantizeLinear", inputs, codes_of(self.graph.input))

    def stored(self, codes: Array) -> Array:
        """Codes as the file has them."""
        return codes

    def scale_and_zero_point(self, name: str) -> list[str]:
        """An activation's scale, and 0."""
        scale = self.constant(f"{name}:scale", np.array(self.graph.quant(name).scale, np.float32))
        return [scale, self.constant("int8_zero", np.array(0, np.int8))]

    def for_each_channel(self, name: str) -> list[str]:
        """Return an activation's scale, and 0, repeated for each channel."""
        quant, channels = self.graph.quant(name), self.graph.tensors[name].shape[-1]
        scales = np.full(channels, quant.scale, np.float32)
        return [
            self.constant(f"{name}:scales", scales),
            self.constant(f"{name}:zero_points", np.zeros(channels, np.int8)),
        ]

    def limits_codes(self, op: Op) -> bool:
        """No activation is one of codes: TensorRT fuses that of reals."""
        return False

    def zero_code(self, name: str) -> str:
        """The code of an activation's 0."""
        zero_point = np.array(self.graph.quant(name).zero_point, np.int8)
        return self.constant(f"{name}:zero_code", zero_point)

    def dequantized(self, name: str, output: str, *, axis: int | None = None) -> str:
        """Add what makes reals of an activation's codes; with an axis, channel by channel."""
        if self.graph.quant(name).zero_point == 0:
            return super().dequantized(name, output, axis=axis)
        codes = super().dequantized(name, f"{output}:shifted", axis=axis)
        return self.node("Sub", [codes, self._shift(name)], output)

    def quantized(self, real: str, name: str) -> None:
        """Add what makes an activation's codes of reals."""
        if self.graph.quant(name).zero_point != 0:
            real = self.node("Add", [real, self._shift(name)], f"{name}:shifted")
        super().quantized(real, name)

    def _shift(self, name: str) -> str:
        """What stands between an activation's reals and its codes times the scale."""
        quant = self.graph.quant(name)
        value = np.array(quant.zero_point * quant.scale, np.float32)
        return self.constant(f"{name}:shift", value)

    def channels(self, tensor: Tensor, order: tuple[int, ...]) -> str:
        """Reals of weights, whose channels become the first; of a bias, as they are."""
        if tensor.codes is None or tensor.codes.dtype != np.int32:
            return super().channels(tensor, order)
        return self._bias(tensor, tensor.codes)

    def _bias(self, tensor: Tensor, codes: Array) -> str:
        scales = np.array(self.graph.quant(tensor.name).scales, np.float32)
        return self.constant(f"{tensor.name}:float", (codes * scales).astype(np.float32))

    def convolved(self, op: Op) -> tuple[str, str, Pads]:
        """What a convolution takes beside its weights: image, bias and padding.

        Of the image itself, the padding is written out, since a kernel pads with code 0, and the
        bias has what the image's zero point stands for.
        """
        name = op.inputs[0]
        zero_point = self.graph.quant(name).zero_point if not self.graph.is_real(name) else 0
        if name != self.graph.input or zero_point == 0 or self.graph.is_float(op):
            return super().convolved(op)
        codes = codes_of(name)
        if op.pads != NO_PADS:
            codes = f"{op.output}:padded"
            padded = self.node("Pad", [self.shifted, *self._pads(op)], f"{codes}:real")
            self.node("QuantizeLinear", [padded, *self.scale_and_zero_point(name)], codes)
        inputs = [codes, *self.scale_and_zero_point(name)]
        image = self.node("DequantizeLinear", inputs, f"{op.output}:image")
        weights = self.graph.codes(op.inputs[1]).astype(np.int64)
        sums = weights.sum((0, 1, 2) if op.kind is Kind.DEPTHWISE else (1, 2, 3))
        bias = self.graph.tensors[op.inputs[2]]
        return image, self._bias(bias, self.graph.codes(bias.name) - zero_point * sums), NO_PADS

    def _pads(self, op: Op) -> list[str]:
        (top, bottom), (left, right) = op.pads
        amounts = np.array([0, 0, top, left, 0, 0, bottom, right], np.int64)
        return [self.constant(f"{op.output}:pads", amounts), self._shift(op.inputs[0])]
