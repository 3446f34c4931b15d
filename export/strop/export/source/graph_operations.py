"""TensorFlow operations that a SavedModel may hold where strop runs it: arithmetic on tensors.

Allow-lists, because TensorFlow grows: what is not here may read or write files, open a
connection, call Python or go on forever. Names are those of TensorFlow's operation registry.
"""

from __future__ import annotations


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


ARITHMETIC = _names(
    """
    Abs Acos Acosh Add AddN AddV2 All Any ArgMax ArgMin Asin Asinh Atan Atan2 Atanh
    BatchMatMul BatchMatMulV2 BatchMatMulV3 BesselI0e BesselI1e Bitcast Cast Ceil ClipByValue
    Cos Cosh Cumprod Cumsum Div DivNoNan Einsum Elu Equal Erf Erfc Exp Expm1 Floor FloorDiv
    FloorMod Greater GreaterEqual Inv InvertPermutation IsFinite IsInf IsNan L2Loss LeakyRelu
    Less LessEqual LinSpace Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul Max
    Maximum Mean Min Minimum Mod Mul MulNoNan Neg NotEqual OnesLike Pow Prod Range RealDiv
    Reciprocal Relu Relu6 Rint Round Rsqrt Selu Sigmoid Sign Sin Sinh Softmax Softplus
    Softsign Sqrt Square SquaredDifference Sub Sum Tan Tanh TruncateDiv TruncateMod Xdivy
    Xlog1py Xlogy ZerosLike
    """
)
ARRAYS = _names(
    """
    BatchToSpace BatchToSpaceND BroadcastArgs BroadcastGradientArgs BroadcastTo Concat
    ConcatOffset ConcatV2 Const DepthToSpace EnsureShape ExpandDims ExtractImagePatches Fill
    Gather GatherNd GatherV2 GuaranteeConst Identity IdentityN MatrixBandPart MatrixDiagPart
    MirrorPad NoOp OneHot Pack Pad PadV2 Placeholder PlaceholderWithDefault PreventGradient
    Rank Reshape Reverse ReverseV2 Roll ScatterNd Select SelectV2 Shape ShapeN Size Slice
    Snapshot SpaceToBatch SpaceToBatchND SpaceToDepth Split SplitV Squeeze StopGradient
    StridedSlice TensorScatterUpdate Tile TopK TopKV2 Transpose Unpack Where
    """
)
LAYERS = _names(
    """
    AdjustContrastv2 AdjustHue AdjustSaturation AvgPool BiasAdd BiasAddV1 Conv2D
    Conv2DBackpropInput Conv2DBackpropInputV2 CropAndResize DepthwiseConv2dNative Dilation2D
    FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel
    FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 HSVToRGB ImageProjectiveTransformV2
    ImageProjectiveTransformV3 LRN MaxPool MaxPoolV2 MaxPoolWithArgmax QuantizeAndDequantizeV2
    QuantizeAndDequantizeV3 QuantizeAndDequantizeV4 RGBToHSV ResizeArea ResizeBicubic
    ResizeBilinear ResizeNearestNeighbor ScaleAndTranslate
    """
)
# In branches that only training takes.
RANDOM = _names(
    """
    RandomStandardNormal RandomUniform RandomUniformInt StatelessRandomGetAlg
    StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg StatelessRandomNormal
    StatelessRandomNormalV2 StatelessRandomUniform StatelessRandomUniformV2
    StatelessTruncatedNormal StatelessTruncatedNormalV2 TruncatedNormal
    """
)
VARIABLES = _names(
    """
    VarHandleOp VarIsInitializedOp ReadVariableOp ResourceGather DisableCopyOnRead VariableV2
    Variable
    """
)
# Loops are missing: no engine that strop writes for runs one, and a loop need not end.
CALLS = _names(
    """
    PartitionedCall StatefulPartitionedCall If StatelessIf Case StatelessCase Switch Merge
    Assert CheckNumerics
    """
)

SERVING = ARITHMETIC | ARRAYS | LAYERS | RANDOM | VARIABLES | CALLS
"""Where the scores are computed."""

# Few, so that the file name which restoring reads can only be the one that strop gives.
RESTORING = _names(
    """
    Const Identity NoOp Placeholder PlaceholderWithDefault PartitionedCall
    StatefulPartitionedCall RestoreV2 AssignVariableOp Assign VarHandleOp VariableV2
    """
)
"""Where the variables get the values that the folder holds."""

INITIALIZING = SERVING | _names(
    """
    AssignVariableOp Assign HashTable HashTableV2 InitializeTable InitializeTableV2
    InitializeTableFromTextFile InitializeTableFromTextFileV2 LookupTableImport
    LookupTableImportV2
    """
)
"""Where a server would prepare the model; strop reads this part and does not run it."""

CHANGES_STATE = _names(
    """
    Assign AssignAdd AssignSub AssignVariableOp AssignAddVariableOp AssignSubVariableOp
    """
)
LOOPS = _names(
    """
    While StatelessWhile For Enter RefEnter NextIteration RefNextIteration
    """
)
