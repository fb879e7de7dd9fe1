// The CBLAS functions that MLX calls, over oneDNN. Programs define them, so the loader prefers them
// to the reference BLAS that MLX's package carries.
#include <complex>
#include <cstdint>

#include <oneapi/dnnl/dnnl.hpp>
#include "kernels/parallel.h"

namespace {

// The values are CBLAS's.
enum Order { kRowMajor = 101, kColMajor = 102 };
enum Transpose { kNone = 111, kTrans = 112, kConjTrans = 113 };

// C (m, n) = alpha · op(A) · op(B) + beta · C, row-major; the strides say how op() reads.
template <class T>
struct Product {
  int64_t m, n, k;
  T alpha, beta;
  const T *a, *b;
  int64_t a_row, a_col, b_row, b_col;
  T* c;
  int64_t ldc;
  bool conj_a = false, conj_b = false;
};

template <class T>
Product<T> describe(int order, int ta, int tb, int m, int n, int k, T alpha, const T* a, int lda,
                    const T* b, int ldb, T beta, T* c, int ldc) {
  if (order == kColMajor) {  // Cᵀ = op(B)ᵀ · op(A)ᵀ
    return describe(kRowMajor, tb, ta, n, m, k, alpha, b, ldb, a, lda, beta, c, ldc);
  }
  Product<T> p{m, n, k, alpha, beta, a, b, lda, 1, ldb, 1, c, ldc};
  if (ta != kNone) std::swap(p.a_row, p.a_col);
  if (tb != kNone) std::swap(p.b_row, p.b_col);
  p.conj_a = ta == kConjTrans;
  p.conj_b = tb == kConjTrans;
  return p;
}

template <class T>
T conj_if(T x, bool) {
  return x;
}
template <class T>
std::complex<T> conj_if(std::complex<T> x, bool yes) {
  return yes ? std::conj(x) : x;
}

template <class T>
void scale(const Product<T>& p) {
  for (int64_t i = 0; i < p.m; i++) {
    for (int64_t j = 0; j < p.n; j++) {
      T& c = p.c[i * p.ldc + j];
      c = p.beta == T(0) ? T(0) : p.beta * c;
    }
  }
}

// Rows of C in parallel, K in blocks that stay in the cache.
template <class T>
void multiply(const Product<T>& p) {
  constexpr int64_t kDepth = 256, kWidth = 512;
  scale(p);
  ominix::kernels::parallel(p.m, 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t k0 = 0; k0 < p.k; k0 += kDepth) {
      for (int64_t n0 = 0; n0 < p.n; n0 += kWidth) {
        const int64_t k1 = std::min(p.k, k0 + kDepth), n1 = std::min(p.n, n0 + kWidth);
        for (int64_t i = begin; i < end; i++) {
          T* c = p.c + i * p.ldc;
          for (int64_t k = k0; k < k1; k++) {
            const T x = p.alpha * conj_if(p.a[i * p.a_row + k * p.a_col], p.conj_a);
            const T* b = p.b + k * p.b_row;
            for (int64_t j = n0; j < n1; j++) c[j] += x * conj_if(b[j * p.b_col], p.conj_b);
          }
        }
      }
    }
  });
}

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

void multiply(const Product<float>& p) {
  using dnnl::memory;
  if (p.m == 0 || p.n == 0) return;
  if (p.k == 0 || p.alpha == 0) return scale(p);
  const auto f32 = memory::data_type::f32;
  const memory::desc a({p.m, p.k}, f32, {p.a_row, p.a_col});
  const memory::desc b({p.k, p.n}, f32, {p.b_row, p.b_col});
  const memory::desc c({p.m, p.n}, f32, {p.ldc, 1});
  dnnl::primitive_attr attr;
  if (p.alpha != 1) attr.set_output_scales(0, {p.alpha});
  if (p.beta != 0) {
    dnnl::post_ops sum;
    sum.append_sum(p.beta);
    attr.set_post_ops(sum);
  }
  const dnnl::matmul product(
      dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, c), attr, engine()));
  dnnl::stream stream(engine());
  product.execute(stream, {{DNNL_ARG_SRC, memory(a, engine(), const_cast<float*>(p.a))},
                           {DNNL_ARG_WEIGHTS, memory(b, engine(), const_cast<float*>(p.b))},
                           {DNNL_ARG_DST, memory(c, engine(), p.c)}});
  stream.wait();
}

}  // namespace

#define OMINIX_EXPORT extern "C" __attribute__((visibility("default")))

OMINIX_EXPORT void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha,
                               const float* a, int lda, const float* b, int ldb, float beta,
                               float* c, int ldc) {
  multiply(describe(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc));
}

OMINIX_EXPORT void cblas_dgemm(int order, int ta, int tb, int m, int n, int k, double alpha,
                               const double* a, int lda, const double* b, int ldb, double beta,
                               double* c, int ldc) {
  multiply(describe(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc));
}

OMINIX_EXPORT void cblas_cgemm(int order, int ta, int tb, int m, int n, int k, const void* alpha,
                               const void* a, int lda, const void* b, int ldb, const void* beta,
                               void* c, int ldc) {
  using C = std::complex<float>;
  multiply(describe(order, ta, tb, m, n, k, *static_cast<const C*>(alpha), static_cast<const C*>(a),
                    lda, static_cast<const C*>(b), ldb, *static_cast<const C*>(beta),
                    static_cast<C*>(c), ldc));
}
