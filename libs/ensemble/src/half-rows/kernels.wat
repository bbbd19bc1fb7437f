;; The arithmetic on rows of half floats that runs over every page. JavaScript has neither half floats nor SIMD: it takes four times as long.
;; `npm run assemble -w @florilegium/ensemble` makes kernels.wasm of it. Addresses are bytes; counts are numbers, of 16 together.
(module
  (memory (export "memory") 1)

  ;; Four half floats, as 32-bit numbers, to single floats: exponent and fraction move up by 13 bits and the bias is mended by a
  ;; multiplication, which makes subnormal ones right too; infinity and NaN get their exponent back.
  (func $widen (param $half v128) (result v128)
    (local $magnitude v128)
    (local.set $magnitude (v128.and (local.get $half) (v128.const i32x4 0x7fff 0x7fff 0x7fff 0x7fff)))
    (v128.or
      (v128.or
        (f32x4.mul (i32x4.shl (local.get $magnitude) (i32.const 13)) (v128.const f32x4 0x1p112 0x1p112 0x1p112 0x1p112))
        (i32x4.shl (v128.and (local.get $half) (v128.const i32x4 0x8000 0x8000 0x8000 0x8000)) (i32.const 16)))
      (v128.and
        (i32x4.ge_s (local.get $magnitude) (v128.const i32x4 0x7c00 0x7c00 0x7c00 0x7c00))
        (v128.const i32x4 0x7f800000 0x7f800000 0x7f800000 0x7f800000))))

  ;; `dims` half floats at $from become single floats at $to, with zeros up to $count.
  (func (export "decode") (param $from i32) (param $to i32) (param $dims i32) (param $count i32)
    (local $at i32) (local $halves v128) (local $end i32)
    (local.set $at (local.get $to))
    (local.set $end (i32.add (local.get $to) (i32.shl (local.get $dims) (i32.const 2))))
    (loop $more
      (local.set $halves (v128.load align=1 (local.get $from)))
      (v128.store align=1 (local.get $at) (call $widen (i32x4.extend_low_i16x8_u (local.get $halves))))
      (v128.store offset=16 align=1 (local.get $at) (call $widen (i32x4.extend_high_i16x8_u (local.get $halves))))
      (local.set $from (i32.add (local.get $from) (i32.const 16)))
      (local.set $at (i32.add (local.get $at) (i32.const 32)))
      (br_if $more (i32.lt_u (local.get $at) (local.get $end))))
    (memory.fill (local.get $end) (i32.const 0)
      (i32.shl (i32.sub (local.get $count) (local.get $dims)) (i32.const 2))))

  (func $sum (param $lanes v128) (result f32)
    (f32.add
      (f32.add (f32x4.extract_lane 0 (local.get $lanes)) (f32x4.extract_lane 1 (local.get $lanes)))
      (f32.add (f32x4.extract_lane 2 (local.get $lanes)) (f32x4.extract_lane 3 (local.get $lanes)))))

  ;; Sum of the products of $count numbers at $a and at $b.
  (func (export "dot") (param $a i32) (param $b i32) (param $count i32) (result f32)
    (local $end i32) (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128)
    (local.set $end (i32.add (local.get $a) (i32.shl (local.get $count) (i32.const 2))))
    (loop $more
      (local.set $s0 (f32x4.add (local.get $s0)
        (f32x4.mul (v128.load align=4 (local.get $a)) (v128.load align=4 (local.get $b)))))
      (local.set $s1 (f32x4.add (local.get $s1)
        (f32x4.mul (v128.load offset=16 align=4 (local.get $a)) (v128.load offset=16 align=4 (local.get $b)))))
      (local.set $s2 (f32x4.add (local.get $s2)
        (f32x4.mul (v128.load offset=32 align=4 (local.get $a)) (v128.load offset=32 align=4 (local.get $b)))))
      (local.set $s3 (f32x4.add (local.get $s3)
        (f32x4.mul (v128.load offset=48 align=4 (local.get $a)) (v128.load offset=48 align=4 (local.get $b)))))
      (local.set $a (i32.add (local.get $a) (i32.const 64)))
      (local.set $b (i32.add (local.get $b) (i32.const 64)))
      (br_if $more (i32.lt_u (local.get $a) (local.get $end))))
    (call $sum (f32x4.add
      (f32x4.add (local.get $s0) (local.get $s1)) (f32x4.add (local.get $s2) (local.get $s3)))))

  ;; Takes $mean from $count numbers at $row and multiplies with $scale.
  (func (export "standardise") (param $row i32) (param $mean i32) (param $scale i32) (param $count i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $row) (i32.shl (local.get $count) (i32.const 2))))
    (loop $more
      (v128.store align=4 (local.get $row)
        (f32x4.mul
          (f32x4.sub (v128.load align=4 (local.get $row)) (v128.load align=4 (local.get $mean)))
          (v128.load align=4 (local.get $scale))))
      (local.set $row (i32.add (local.get $row) (i32.const 16)))
      (local.set $mean (i32.add (local.get $mean) (i32.const 16)))
      (local.set $scale (i32.add (local.get $scale) (i32.const 16)))
      (br_if $more (i32.lt_u (local.get $row) (local.get $end)))))

  ;; Adds $count numbers at $row to the double floats at $sums, and their squares to those at $squares.
  (func (export "addMoments") (param $row i32) (param $sums i32) (param $squares i32) (param $count i32)
    (local $end i32) (local $two v128)
    (local.set $end (i32.add (local.get $row) (i32.shl (local.get $count) (i32.const 2))))
    (loop $more
      (local.set $two (f64x2.promote_low_f32x4 (v128.load64_zero align=4 (local.get $row))))
      (v128.store align=8 (local.get $sums) (f64x2.add (v128.load align=8 (local.get $sums)) (local.get $two)))
      (v128.store align=8 (local.get $squares)
        (f64x2.add (v128.load align=8 (local.get $squares)) (f64x2.mul (local.get $two) (local.get $two))))
      (local.set $row (i32.add (local.get $row) (i32.const 8)))
      (local.set $sums (i32.add (local.get $sums) (i32.const 16)))
      (local.set $squares (i32.add (local.get $squares) (i32.const 16)))
      (br_if $more (i32.lt_u (local.get $row) (local.get $end)))))
)
